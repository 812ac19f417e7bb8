"""Stored events read back from the table, as they were when they came in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ingestion.content import content_hash
from processing.batch import Entry
from processing.document_ids import source_digest
from processing.jsonb import load_payload

# Times in microseconds since the epoch. The alias of the table is `e`.
COLUMNS = """
e.source_id, (extract(epoch FROM e.ts) * 1000000)::bigint, uuid_send(e.id), e.payload::text, e.content_hash,
(extract(epoch FROM e.received) * 1000000)::bigint, e.partition, e."offset", e.line
"""


def entry(row: tuple[Any, ...]) -> Entry:
    """Turn a row of COLUMNS, read in binary, back into an event; its payload's spelling is not kept, `values` are."""
    source, ts, id_, payload, hash_, received, partition, offset, line = row
    return Entry(
        key=id_ + source_digest(source),
        id=id_,
        text=str(UUID(bytes=id_)).encode(),
        source=source,
        ts=ts,
        received=received,
        payload=payload.encode(),
        values=load_payload(payload),
        hash=hash_,
        partition=partition,
        offset=offset,
        line=line,
    )


def is_as_stored(entry: Entry) -> bool:
    """Tell whether an event's content is still what its hash was made of; nothing says whether its sender gave a time."""
    return entry.hash in (content_hash(entry.ts, entry.values), content_hash(None, entry.values))
