"""Exports of events as CSV, NDJSON and Parquet: one snapshot, read in a stream. May import events, request and reads."""
