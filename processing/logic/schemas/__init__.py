"""Schemas of payloads: checked, proposed from events, compared with each other. Pure; imports `processing.logic.faults` alone."""
