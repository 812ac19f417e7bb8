"""Derives the `_id` of a MongoDB document from an event's source and id. Pure."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from uuid import UUID


def document_id(event_id: bytes | UUID, source: str) -> bytes:
    """Return an event's `_id`: the 16 bytes of its id, which begin with its time, and 8 bytes of its source's digest."""
    id_bytes = event_id.bytes if isinstance(event_id, UUID) else event_id
    return id_bytes + source_digest(source)


@lru_cache(maxsize=100_000)
def source_digest(source: str) -> bytes:
    """Return the 8 bytes of a document's `_id` that stand for the source."""
    return blake2b(source.encode(), digest_size=8).digest()
