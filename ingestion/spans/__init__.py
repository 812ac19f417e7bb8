"""Spans of OpenTelemetry: which requests are traced, what is made of them, where it goes. Imports traces and metrics."""
