"""The ledger's equation: accepted = stored + duplicate + dead-lettered + dropped + in flight."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import psycopg
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper


class Equation(TypedDict):
    """One account as shown. None where it can't be told: nobody knows what is in flight while Kafka is away."""

    accepted: int | None
    stored: int
    duplicate: int
    deadLettered: int
    dropped: int
    inFlight: int | None
    unaccounted: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What was read from the topic, and what became of it."""

    read: int = 0
    stored: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    dropped: int = 0

    @property
    def settled(self) -> int:
        """Everything that has an outcome."""
        return self.stored + self.duplicate + self.dead_lettered + self.dropped


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """How far one partition's effects are committed."""

    topic: UUID  # Kafka's id of the topic
    partition: int
    next_offset: int
    records: int
    events: int
    record_time: datetime | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Totals and progress that belong together: both of one moment in PostgreSQL."""

    total: Totals
    sources: dict[str, Totals]  # newest seen first; "" holds lines whose source can't be read
    progress: dict[tuple[UUID, int], PartitionProgress] = field(default_factory=dict)


def equation(totals: Totals, *, in_flight: int | None) -> Equation:
    """Lay out one account.

    `read` was counted at decode, apart from every outcome, so `unaccounted` is a real check: anything but 0 is
    an event that got lost or was counted twice.
    """
    return {
        "accepted": None if in_flight is None else totals.read + in_flight,
        "stored": totals.stored,
        "duplicate": totals.duplicate,
        "deadLettered": totals.dead_lettered,
        "dropped": totals.dropped,
        "inFlight": in_flight,
        "unaccounted": totals.read - totals.settled,
    }


_TOTAL = """
SELECT coalesce(sum(read), 0)::bigint, coalesce(sum(stored), 0)::bigint, coalesce(sum(duplicate), 0)::bigint,
       coalesce(sum(dead_lettered), 0)::bigint, coalesce(sum(dropped), 0)::bigint
FROM source_statistics
"""

_SOURCES = """
SELECT source_id, read, stored, duplicate, dead_lettered, dropped
FROM source_statistics ORDER BY last_seen DESC, source_id LIMIT %s
"""

_PROGRESS = """
SELECT topic.kafka_id, progress.partition, next_offset, records, events, record_time
FROM progress JOIN topic ON topic.id = progress.topic_id
"""


def snapshot(*, max_sources: int | None = None) -> Snapshot:
    """Read totals, sources and progress as of one moment. Not inside another transaction.

    :param max_sources: only so many, those last seen first; the total is always of all
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return read(cursor, max_sources=max_sources)


def read(cursor: CursorWrapper | psycopg.Cursor, *, max_sources: int | None = None) -> Snapshot:
    """Read the same within the caller's transaction, which must see one moment (REPEATABLE READ)."""
    cursor.execute(_TOTAL)
    total = Totals(*(cursor.fetchone() or ()))
    cursor.execute(_SOURCES, [max_sources])
    sources = {source: Totals(*counts) for source, *counts in cursor.fetchall()}
    cursor.execute(_PROGRESS)
    rows = [PartitionProgress(*row) for row in cursor.fetchall()]
    return Snapshot(total, sources, {(row.topic, row.partition): row for row in rows})
