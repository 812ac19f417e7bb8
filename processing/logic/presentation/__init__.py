"""Logic as JSON and as text for people. Imports `revisions` and `tables`."""
