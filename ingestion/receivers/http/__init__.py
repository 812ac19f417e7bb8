"""POST /ingest: JSON, NDJSON and CloudEvents over HTTP."""
