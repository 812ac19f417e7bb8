"""Looks up the rows of events that may be stored already."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
import psycopg

from processing.events.entries import Entry
from processing.events.made import Made
from processing.stores.jsonb import load_payload


def find_rows(cursor: psycopg.Cursor, entries: Sequence[Entry], topic: int) -> list[tuple[Entry, int]]:
    """Return the events whose rows came from these very positions, each with the time when it was stored (microseconds).

    They have what logic made of them when they were stored (`Entry.made`).
    """
    if not entries:
        return []
    found = cursor.execute(
        'SELECT e.source_id, e.id, e.partition, e."offset", e.line,'
        " (extract(epoch FROM e.stored) * 1000000)::bigint, e.payload_changed, e.tags,"
        " CASE WHEN e.payload_changed THEN e.payload::text END"
        " FROM unnest(%s::text[], %s::bigint[], %s::uuid[]) AS k (source_id, ts, id)"
        " JOIN events e ON e.source_id = k.source_id AND e.id = k.id"
        "  AND e.ts = 'epoch'::timestamptz + k.ts * interval '1 microsecond' WHERE e.topic_id = %s",
        [
            [entry.source for entry in entries],
            [entry.ts for entry in entries],
            [UUID(bytes=entry.id) for entry in entries],
            topic,
        ],
    ).fetchall()
    rows = {(row[0], row[1].bytes, *row[2:5]): row[5:] for row in found}
    keys = [(entry, (entry.source, entry.id, entry.partition, entry.offset, entry.line)) for entry in entries]
    return [(_as_made(entry, *rows[key][1:]), rows[key][0]) for entry, key in keys if key in rows]


def _as_made(entry: Entry, is_changed: bool | None, tags: list[str] | None, payload: str | None) -> Entry:
    if not is_changed and not tags:
        return entry
    values = entry.values if payload is None else load_payload(payload)
    return msgspec.structs.replace(entry, made=Made(values, tuple(tags or ()), bool(is_changed)))


def content_hashes(cursor: psycopg.Cursor, entries: Sequence[Entry]) -> dict[bytes, int]:
    """Return the content hashes of the rows of these events, by document id."""
    found = cursor.execute(
        "SELECT e.source_id, e.id, e.content_hash FROM unnest(%s::text[], %s::bigint[], %s::uuid[])"
        " AS k (source_id, ts, id) JOIN events e ON e.source_id = k.source_id AND e.id = k.id"
        "  AND e.ts = 'epoch'::timestamptz + k.ts * interval '1 microsecond'",
        [
            [entry.source for entry in entries],
            [entry.ts for entry in entries],
            [UUID(bytes=entry.id) for entry in entries],
        ],
    ).fetchall()
    by_identity = {(source, id_.bytes): content for source, id_, content in found}
    return {
        entry.key: by_identity[entry.source, entry.id] for entry in entries if (entry.source, entry.id) in by_identity
    }
