"""Stores the events of one day, with what the consumer and packing would have made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg
import pymongo
from pymongo.collection import Collection

from deploy.bench.queries.filling.history import History
from deploy.bench.queries.filling.packed_rows import COLUMNS, packed
from ingestion.events.timestamps import EPOCH, MICROSECOND
from processing.events.entries import Entries
from processing.events.rollups import Span, Spans, by_hour, by_minute
from processing.stores import copy_encoder, row_sql
from processing.stores.mongodb.document_store import as_documents
from processing.stores.packed.rollups import HOURS, MINUTES

DOCUMENTS = 5_000  # of one command
# A running deployment packs every six hours what is older than two (processing.packing): this is in the middle between.
LOOSE = timedelta(hours=5)
LEDGER_BY_MINUTE = timedelta(days=2)

_MINUTE, _HOUR = 60_000_000, 3_600_000_000  # microseconds
_STORED_AFTER = 400_000  # microseconds


@dataclass(frozen=True, slots=True)
class Target:
    """The stores to fill."""

    postgres: str  # a connection string
    mongo: str  # a URI
    name: str  # of both databases
    topic_row: int
    topic_id: bytes


class Totals(NamedTuple):
    """What is known of one source; times in microseconds since the epoch."""

    events: int
    first_received: int
    last_received: int
    latest: int


@dataclass(slots=True)
class Summary:
    """What the events of some days add up to."""

    sources: dict[str, Totals] = field(default_factory=dict)
    latest: dict[tuple[str, str], Span] = field(default_factory=dict)  # by source and field: its last hour

    def add(self, other: Summary) -> None:
        """Add the events of later days."""
        for source, more in other.sources.items():
            had = self.sources.get(source)
            self.sources[source] = more if had is None else more._replace(
                events=had.events + more.events, first_received=had.first_received
            )  # fmt: skip
        self.latest |= other.latest


def store_day(history: History, target: Target, day: date) -> Summary:
    """Store the events of one day with their rollups and their ledger; called in a process of its own."""
    entries = history.events(day)
    _insert_documents(_collection(target.mongo, target.name), entries, target.topic_id)
    minutes = by_minute(entries)
    spans = {_MINUTE: minutes, _HOUR: by_hour(minutes)}
    now = (history.now - EPOCH) // MICROSECOND
    connection = _connection(target.postgres)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        _copy_rows(cursor, entries, target.topic_row)
        _copy_rollups(cursor, spans, before=now - LOOSE // MICROSECOND)
        _copy_ledger(cursor, entries, before=(now - LEDGER_BY_MINUTE // MICROSECOND) // _HOUR * _HOUR)
    return _summary(entries, spans[_HOUR])


@lru_cache(maxsize=1)
def _connection(postgres: str) -> psycopg.Connection:
    return psycopg.connect(postgres, autocommit=True)


@lru_cache(maxsize=1)
def _collection(mongo: str, name: str) -> Collection[dict[str, Any]]:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo)
    return client[name]["events"]


def _insert_documents(collection: Collection[dict[str, Any]], entries: Entries, topic: bytes) -> None:
    documents = as_documents(entries, topic)
    for start in range(0, len(documents), DOCUMENTS):
        collection.insert_many(documents[start : start + DOCUMENTS], ordered=False)


def _copy_rows(cursor: psycopg.Cursor, entries: Entries, topic: int) -> None:
    """Copy the events, those of an hour as if they had been stored at its end."""
    for part in _by_hour_received(entries):
        stored = part.received[-1] + _STORED_AFTER
        _copy(cursor, row_sql.COPY_EVENTS, copy_encoder.events(part, stored=stored, topic=topic))


def _by_hour_received(entries: Entries) -> Iterable[Entries]:
    start = 0
    for index in range(1, len(entries) + 1):
        if index == len(entries) or entries.times[index] // _HOUR != entries.times[start] // _HOUR:
            yield entries[start:index]
            start = index


def _copy_rollups(cursor: psycopg.Cursor, spans: Mapping[int, Spans], *, before: int) -> None:
    """Copy the spans that begin before a moment as packed rows, the others as loose ones."""
    loose: dict[int, Spans] = {}
    for width, rollups in ((_MINUTE, MINUTES), (_HOUR, HOURS)):
        old = {key: fields for key, fields in spans[width].items() if key[1] * width < before}
        loose[width] = {key: fields for key, fields in spans[width].items() if key not in old}
        if old:
            copy = f"COPY {rollups.packed} ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
            _copy(cursor, copy, packed(old, per_day=24 * _HOUR // width))
    if loose[_MINUTE] or loose[_HOUR]:
        cursor.execute(row_sql.STAGING, prepare=False)
        _copy(cursor, row_sql.COPY_SPANS, copy_encoder.spans(loose[_MINUTE], loose[_HOUR]))
        cursor.execute(row_sql.FOLD_SPANS, prepare=False)


def _copy_ledger(cursor: psycopg.Cursor, entries: Entries, *, before: int) -> None:
    """Copy the account of each source by the minute received, and by the hour what was received before a moment."""
    hours: Counter[tuple[str, int, int]] = Counter()
    minutes: Counter[tuple[str, int, int]] = Counter()
    for source, received, partition in zip(entries.sources, entries.received, entries.partitions, strict=True):
        if received < before:
            hours[source, received // _HOUR * _HOUR, partition] += 1
        else:
            minutes[source, received // _MINUTE * _MINUTE, partition] += 1
    for table, time, counts in (("ledger_hour", "hour", hours), ("ledger_minute", "minute", minutes)):
        copy = (
            f"COPY {table} (source_id, {time}, partition, read, stored, duplicate, dead_lettered, dropped) FROM STDIN"
        )
        with cursor.copy(copy) as rows:
            for (source, moment, partition), count in counts.items():
                at = EPOCH + moment * MICROSECOND
                rows.write_row((source, at, partition, count, count, 0, 0, 0))


def _copy(cursor: psycopg.Cursor, statement: str, data: bytes) -> None:
    with cursor.copy(statement.encode()) as copy:
        copy.write(data)


def _summary(entries: Entries, hours: Spans) -> Summary:
    summary = Summary()
    for source, indexes in entries.by_source.items():
        received = [entries.received[index] for index in indexes]
        latest = entries.times[indexes[-1]]
        summary.sources[source] = Totals(len(indexes), min(received), max(received), latest)
    # Hours are in the order of their times, so the last one stays.
    for (source, _), fields in hours.items():
        for name, span in fields.items():
            summary.latest[source, name] = span
    return summary
