"""Lookup tables: read from CSV, kept, looked up. Pure; imports `processing.logic.faults` alone."""
