"""Reads what is stored and serves it as the HTTP API. May import `processing` and `ingestion`, except their machinery."""
