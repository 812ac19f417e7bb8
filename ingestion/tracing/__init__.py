"""Traces: the W3C trace context that requests come with, and how records keep it. Imports nothing of this project."""
