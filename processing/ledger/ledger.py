"""The ledger's equation: accepted = stored + duplicate + dead-lettered + dropped + in flight."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import psycopg
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from ingestion.auth.read_scope import ReadScope
from processing.ledger.header_counts import Waiting


class CountRange(TypedDict):
    """A number of which only bounds are known, if they differ; `atMost` is null if there is no upper bound."""

    atLeast: int
    atMost: int | None


class Equation(TypedDict):
    """The account of a source or of all.

    `inFlight`, and so `accepted`, is null unless it was counted. Its bounds are in `inFlightRange`, which is null if
    nothing is known, as while Kafka is unavailable.
    """

    accepted: int | None
    stored: int
    duplicate: int
    deadLettered: int
    dropped: int
    inFlight: int | None
    inFlightRange: CountRange | None
    unaccounted: int


class SourceEquation(Equation):
    """The account of one source; `sourceId` is null for lines whose source can't be read."""

    sourceId: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Lines read from the topic, and their outcomes."""

    read: int = 0
    stored: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    dropped: int = 0

    @property
    def settled(self) -> int:
        """The number of lines that have an outcome."""
        return self.stored + self.duplicate + self.dead_lettered + self.dropped


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """The offset up to which the effects of one partition are committed."""

    topic: UUID  # Kafka's id of the topic
    partition: int
    next_offset: int
    records: int
    events: int
    record_time: datetime | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Totals and progress, read from one snapshot of PostgreSQL."""

    total: Totals
    sources: dict[str, Totals]  # last seen first; "" counts lines whose source cannot be read
    progress: dict[tuple[UUID, int], PartitionProgress] = field(default_factory=dict)


def equation(totals: Totals, *, in_flight: Waiting | None) -> Equation:
    """Build one account.

    `read` is counted when records are decoded, independently of the outcomes. So any `unaccounted` but 0 means
    events that were lost or counted twice.

    :param in_flight: None: unknown
    """
    waiting = in_flight.fewest if in_flight is not None and in_flight.exact else None
    return {
        "accepted": None if waiting is None else totals.read + waiting,
        "stored": totals.stored,
        "duplicate": totals.duplicate,
        "deadLettered": totals.dead_lettered,
        "dropped": totals.dropped,
        "inFlight": waiting,
        "inFlightRange": None if in_flight is None else count_range(in_flight),
        "unaccounted": totals.read - totals.settled,
    }


def count_range(number: Waiting) -> CountRange:
    """Return the bounds of a number as JSON."""
    return {"atLeast": number.fewest, "atMost": number.most}


_TOTAL = """
SELECT coalesce(sum(read), 0)::bigint, coalesce(sum(stored), 0)::bigint, coalesce(sum(duplicate), 0)::bigint,
       coalesce(sum(dead_lettered), 0)::bigint, coalesce(sum(dropped), 0)::bigint
FROM source_statistics WHERE {own}
"""

_SOURCES = """
SELECT source_id, read, stored, duplicate, dead_lettered, dropped
FROM source_statistics WHERE {own} ORDER BY last_seen DESC, source_id LIMIT %s
"""

_PROGRESS = """
SELECT topic.kafka_id, progress.partition, next_offset, records, events, record_time
FROM progress JOIN topic ON topic.id = progress.topic_id
"""


def snapshot(*, scope: ReadScope, max_sources: int | None = None) -> Snapshot:
    """Return totals and sources within a scope, and the progress, of one snapshot. Not inside another transaction.

    :param max_sources: at most this many, last seen first; the total covers all sources in the scope
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return read(cursor, scope=scope, max_sources=max_sources)


def totals() -> Totals:
    """Return the totals of all sources; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTAL.format(own="TRUE"))
        return Totals(*(cursor.fetchone() or ()))


def read(cursor: CursorWrapper | psycopg.Cursor, *, scope: ReadScope, max_sources: int | None = None) -> Snapshot:
    """Return the same within the caller's transaction, which must be REPEATABLE READ."""
    own, values = scope.condition()
    cursor.execute(_TOTAL.format(own=own), values)
    total = Totals(*(cursor.fetchone() or ()))
    cursor.execute(_SOURCES.format(own=own), [*values, max_sources])
    sources = {source: Totals(*counts) for source, *counts in cursor.fetchall()}
    return Snapshot(total, sources, _progress(cursor))


def progress() -> dict[tuple[UUID, int], PartitionProgress]:
    """Return how far each partition is processed, by Kafka's id of the topic and its number; one statement."""
    with connection.cursor() as cursor:
        return _progress(cursor)


def _progress(cursor: CursorWrapper | psycopg.Cursor) -> dict[tuple[UUID, int], PartitionProgress]:
    cursor.execute(_PROGRESS)
    rows = [PartitionProgress(*row) for row in cursor.fetchall()]
    return {(row.topic, row.partition): row for row in rows}
