"""The single checks that a content has to pass: its form, its sources, its patterns, its examples. Imports `loading` and `pointers`."""
