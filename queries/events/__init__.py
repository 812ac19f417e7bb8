"""Stored events: lists, one event, aggregates."""
