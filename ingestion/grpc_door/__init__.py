"""The door over gRPC: `dataflow.ingest.v1.Ingestion`, with the checks, codes and keys of the HTTP door."""

from __future__ import annotations
