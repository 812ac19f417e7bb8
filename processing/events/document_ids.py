"""Derives the `_id` of a MongoDB document from an event's source and id. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from operator import add
from uuid import UUID


def document_id(event_id: bytes | UUID, source: str) -> bytes:
    """Return an event's `_id`: the 16 bytes of its id, which begin with its time, and 8 bytes of its source's digest."""
    id_bytes = event_id.bytes if isinstance(event_id, UUID) else event_id
    return id_bytes + source_digest(source)


def document_ids(texts: Sequence[str], sources: Sequence[str]) -> list[bytes]:
    """Return the `_id` of events, given the texts of their ids: as `document_id`, for all at once."""
    ids = bytes.fromhex("".join(texts).replace("-", ""))
    digests = {source: source_digest(source) for source in set(sources)}
    return list(
        map(add, [ids[place : place + 16] for place in range(0, len(ids), 16)], [digests[source] for source in sources])
    )


@lru_cache(maxsize=100_000)
def source_digest(source: str) -> bytes:
    """Return the 8 bytes of a document's `_id` that stand for the source."""
    return blake2b(source.encode(), digest_size=8).digest()


def uuid_text(digits: str) -> str:
    """Return an id as UUID text, given its hexadecimal digits, of which more may follow."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"
