"""Finds an event, a dead letter, a source or a value, by one text. Imports queries and the frame."""
