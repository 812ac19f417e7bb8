"""What the OpenAPI document says beside the read API: receivers, probes and live snapshots, and the document's head. May import the apps."""

from __future__ import annotations
