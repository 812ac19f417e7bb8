"""The service dataflow.ingest.v1.Ingestion over gRPC."""

from __future__ import annotations
