"""Traces: the W3C trace context that requests come with. Imports nothing of this project."""
