"""Formats of numbers and times in templates."""
