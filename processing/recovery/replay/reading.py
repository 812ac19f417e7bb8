"""Reads the events of a source in order, as they were sent, with what their rows have now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from ingestion.auth import source_patterns
from ingestion.events.identity.content_hash import content_hashes
from processing.events.document_ids import source_digest
from processing.events.entries import Entries
from processing.events.made import Made, as_sent
from processing.recovery.recount import readers, sent_events
from processing.recovery.recount.sent_events import Origin
from processing.stores.mongodb.document_store import DocumentStore

CHUNK = 2_000  # events; consumers wait while those of them are written that change

LARGE = 8 * 1024 * 1024  # bytes of a chunk's payloads, which take some times as much in memory

_PLACE = "(e.ts, e.{id}) > ('epoch'::timestamptz + %(ts)s * interval '1 microsecond', %(id)s::uuid)"
_RANGE = """
e.source_id = %(source)s AND (%(since)s::timestamptz IS NULL OR e.ts >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR e.ts < %(until)s) AND (%(ts)s::bigint IS NULL OR {place})
"""
_ROWS = f"""
SELECT {readers.ROW_COLUMNS}, e.topic_id, (extract(epoch FROM e.stored) * 1000000)::bigint
FROM events e WHERE {_RANGE.format(place=_PLACE.format(id="id"))} ORDER BY e.ts, e.id LIMIT {CHUNK}
"""  # noqa: S608 - constants only
_REMOVED = f"""
SELECT uuid_send(e.event_id), (extract(epoch FROM e.ts) * 1000000)::bigint, e.fate, e.topic_id, e.partition, e."offset",
    e.line, (extract(epoch FROM e.received) * 1000000)::bigint
FROM replay_removal e WHERE {_RANGE.format(place=_PLACE.format(id="event_id"))}
    AND (%(last_ts)s::bigint IS NULL OR (e.ts, e.event_id)
        <= ('epoch'::timestamptz + %(last_ts)s * interval '1 microsecond', %(last_id)s::uuid))
ORDER BY e.ts, e.event_id LIMIT {CHUNK}
"""  # noqa: S608 - constants only
_OF_SOURCES = """
(%(ids)s::text[] IS NULL OR source_id = ANY(%(ids)s) OR EXISTS (
    SELECT FROM unnest(%(beginnings)s::text[]) AS b (text) WHERE starts_with(source_id, b.text)))
"""
_NEXT_SOURCE = f"""
SELECT source_id FROM source_statistics WHERE source_id > %(after)s AND {_OF_SOURCES} ORDER BY source_id LIMIT 1
"""  # noqa: S608 - constants only
_COUNT = f"""
SELECT count(*) FROM events e WHERE (%(since)s::timestamptz IS NULL OR e.ts >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR e.ts < %(until)s) AND {_OF_SOURCES}
"""  # noqa: S608 - constants only


class Place(NamedTuple):
    """Where a replay has got to: after this event of a source."""

    source: str
    ts: int | None = None  # microseconds since the epoch; None: at the beginning of the source
    id: str | None = None


_NO_ROW = as_sent({})


class Present(NamedTuple):
    """What there is of an event now."""

    topic: int  # the row id of its topic
    fate: str  # stored, dropped or rejected
    stored: int = 0  # when, microseconds since the epoch
    row: Made = _NO_ROW
    cut: bool = False  # the row is not rolled up


@dataclass(slots=True)
class Chunk:
    """Some events of one source."""

    events: Entries  # as they were sent
    present: dict[bytes, Present]  # by key
    damaged: int  # events without an intact document or row
    read: int
    end: Place | None  # where the next one begins; None: there is none

    @property
    def is_large(self) -> bool:
        """Return whether it takes so much memory that no other one should be read meanwhile."""
        return sum(map(len, self.events.payloads)) > LARGE


def count(cursor: psycopg.Cursor, sources: Sequence[str], since: datetime | None, until: datetime | None) -> int:
    """Count the rows of a range."""
    found = cursor.execute(_COUNT, {"since": since, "until": until, **_patterns(sources)}).fetchone()
    assert found is not None
    return int(found[0])


def _patterns(sources: Sequence[str]) -> dict[str, list[str] | None]:
    found = source_patterns.split(sources) if sources else None
    if found is None:
        return {"ids": None, "beginnings": []}
    return {"ids": sorted(found.ids), "beginnings": list(found.beginnings)}


def chunks(
    connection: psycopg.Connection,
    documents: DocumentStore,
    place: Place,
    *,
    sources: Sequence[str],
    since: datetime | None,
    until: datetime | None,
) -> Iterator[Chunk]:
    """Yield the events of sources from a place on.

    :param sources: patterns; none: every source
    :raises StoreUnavailable: MongoDB does not answer
    """
    here = place if place.source else _next_source(connection, sources, after="")
    while here is not None:
        chunk = _read(connection, documents, here, since=since, until=until)
        here = chunk.end = chunk.end or _next_source(connection, sources, after=here.source)
        yield chunk


def _next_source(connection: psycopg.Connection, sources: Sequence[str], *, after: str) -> Place | None:
    found = connection.execute(_NEXT_SOURCE, {"after": after, **_patterns(sources)}).fetchone()
    return None if found is None else Place(str(found[0]))


def _read(
    connection: psycopg.Connection,
    documents: DocumentStore,
    place: Place,
    *,
    since: datetime | None,
    until: datetime | None,
) -> Chunk:
    values: dict[str, object] = {
        "source": place.source, "ts": place.ts, "id": place.id, "since": since, "until": until,
    }  # fmt: skip
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(_ROWS, values).fetchall()
        full = len(rows) == CHUNK
        last = Place(place.source, rows[-1][1], str(UUID(bytes=rows[-1][2]))) if full else None
        bounds = {"last_ts": last.ts if last else None, "last_id": last.id if last else None}
        removed = cursor.execute(_REMOVED, {**values, **bounds}).fetchall()
    if len(removed) == CHUNK:
        # More of them than of rows: go on after the last of these, and read the rows beyond again.
        ts, id_ = removed[-1][1], str(UUID(bytes=removed[-1][0]))
        rows = [row for row in rows if (row[1], row[2]) <= (ts, removed[-1][0])]
        last = Place(place.source, ts, id_)
    return _chunk(documents, place.source, rows, removed, last)


def _chunk(
    documents: DocumentStore, source: str, rows: Sequence[Any], removed: Sequence[Any], end: Place | None
) -> Chunk:
    found = readers.events_of_rows([row[:-2] for row in rows])
    present = {
        key: Present(topic, "stored", stored, made or as_sent(values), not rolled)
        for key, (*_, topic, stored), made, values, rolled in zip(
            found.keys, rows, found.made, found.values, found.rolled, strict=True
        )
    }
    changed = {index for index, made in enumerate(found.made) if made and made.is_changed}
    origins = map(Origin, found.times, found.received, found.partitions, found.offsets, found.lines)
    wanted = {
        key: origin for index, (key, origin) in enumerate(zip(found.keys, origins, strict=True)) if index in changed
    }
    for id_, _, fate, topic, partition, offset, line, received in removed:
        key = id_ + source_digest(source)
        if key not in present:
            present[key] = Present(topic, fate)
            wanted[key] = Origin(None, received, partition, offset, line)
    unchanged = found.select([index for index in range(len(found)) if index not in changed])
    events = Entries.joined([_intact(unchanged), sent_events.read(documents, wanted)])
    return Chunk(events, present, len(present) - len(events), len(present), end)


def _intact(events: Entries) -> Entries:
    """Return the events of rows that have what was sent, and note whether the sender gave the time."""
    sent = events.with_made({})
    timed = content_hashes(sent.times, sent.values)
    if timed == sent.hashes:
        return sent
    sent.timed = [hash_ == stored for hash_, stored in zip(timed, sent.hashes, strict=True)]
    return sent.select(
        [index for index, is_timed in enumerate(sent.timed) if is_timed or readers.is_as_sent(sent[index])]
    )
