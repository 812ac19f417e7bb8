"""Count what the three stores hold, into temporary tables of one PostgreSQL transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from psycopg import IsolationLevel

from ingestion.auth.read_scope import EVERYTHING
from ingestion.events import timestamps
from processing.commandline.event_range import EventRange
from processing.commandline.progress import Progress
from processing.errors import NeedsOperator
from processing.events.batch import MINUTE, Letter
from processing.events.document_ids import source_digest
from processing.events.entries import Entry
from processing.events.rollups import MINUTES_PER_HOUR, Spans, merge, roll_up
from processing.kafka.end_offsets import TopicOffsets
from processing.kafka.topic_reader import TopicReader
from processing.ledger import ledger, lost_records
from processing.ledger.ledger import Snapshot
from processing.ledger.lost_records import Gap
from processing.recovery.recount import readers, recount_sql, reread
from processing.recovery.recount.past_logic import PastLogic
from processing.recovery.recount.row_content import RowContent, StoredRow
from processing.stores import copy_encoder, postgres
from processing.stores.mongodb import document_store

LINES_PER_CHUNK = 5_000  # lines of Kafka; their payloads are not kept
# Payloads have up to 256 KiB each: 5,000 rows are read a sixth faster, but large ones take a gigabyte.
ROWS_PER_FETCH = 250
APPLICATION = "dataflow-reconcile"
# A recount has no time limit; its sorts and joins spill to disk early rather than take memory.
LIMITS = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "60s",
    "work_mem": "32MB",
    "cursor_tuple_fraction": "1",
}

_PG_EPOCH = 946_684_800_000_000  # microseconds; binary COPY counts from 2000-01-01
_HOUR = MINUTE * MINUTES_PER_HOUR

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """The records of one partition that are counted again: from `first` up to, not including, `next`."""

    partition: int
    first: int
    next: int
    records: int
    events: int
    since: datetime | None  # Kafka's time of the first record: all that was received from then on is in the topic
    whole: bool  # all that was ever read of the partition


def connect() -> psycopg.Connection:
    """Open a connection for a recount."""
    return postgres.connect(application=APPLICATION)


@contextmanager
def snapshot(connection: psycopg.Connection, *, tables: str = "") -> Iterator[Snapshot]:
    """Open a transaction at one snapshot of PostgreSQL, in which only temporary tables can be written.

    :param tables: statements that create more temporary tables, which its end drops as well
    """
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction(), connection.cursor() as cursor:
            postgres.limit(cursor, **LIMITS)
            cursor.execute(recount_sql.TABLES + tables, prepare=False)
            cursor.execute("SET TRANSACTION READ ONLY")
            yield ledger.read(cursor, scope=EVERYTHING)
    finally:
        if not connection.closed:
            connection.isolation_level = None


def count_topic(
    connection: psycopg.Connection,
    reader: TopicReader,
    ends: TopicOffsets,
    at: Snapshot,
    skipped: Sequence[Gap],
    progress: Progress,
) -> list[OffsetRange]:
    """Read raw-data again, up to progress, and decode it as the consumer does.

    :param skipped: gaps; their records are skipped if they are still in the topic, as consumers did
    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: a record was written by a newer release
    :raises Interrupted: SIGTERM or SIGINT arrived
    """
    ranges = {
        partition: (first, max(first, done.next_offset))
        for partition, (first, _) in ends.partitions.items()
        if (done := at.progress.get((ends.topic, partition)))
    }
    counted: dict[int, int] = dict.fromkeys(ranges, 0)
    events: dict[int, int] = dict.fromkeys(ranges, 0)
    since: dict[int, datetime] = {}
    limit = _records_per_chunk(ends, at)
    topic = topic_row(connection, ends.topic)
    past = PastLogic(connection.cursor(), topic=topic)
    for polled in reader.read(ranges, limit=limit):
        chunk = [
            record for record in polled if not lost_records.covers(skipped, ends.topic, record.partition, record.offset)
        ]
        lines = [_line(line) for line in reread.lines(connection, chunk, topic=topic, past=past)]
        _copy_rows(connection, recount_sql.COPY_LINES, recount_sql.LINE_TYPES, lines)
        for record in chunk:
            counted[record.partition] += 1
            since.setdefault(record.partition, timestamps.from_micros(record.time))
        for line in lines:
            events[line[4]] += 1  # type: ignore[index]
        progress.advance("lines of Kafka counted", sum(events.values()))
    for batch in reader.unreadable:
        if not lost_records.covers(skipped, ends.topic, batch.partition, batch.first):
            raise NeedsOperator(f"{ends.name}/{batch.partition}: {batch.sentence}, though they were once")
    found = [
        OffsetRange(
            partition,
            first,
            end,
            counted[partition],
            events[partition],
            since.get(partition),
            whole=_whole(at, ends, partition, first, counted)
            and not lost_records.truncated(skipped, ends.topic, partition),
        )
        for partition, (first, end) in sorted(ranges.items())
    ]
    _insert_partitions(connection, found)
    return found


def count_documents(connection: psycopg.Connection, progress: Progress) -> None:
    """Read identity, origin and hash of every document, and check that each matches its hash.

    :raises StoreUnavailable: MongoDB does not answer
    :raises Interrupted: SIGTERM or SIGINT arrived
    """
    store, counted = document_store.DocumentStore(), 0
    try:
        total = store.count({})
        for chunk in store.stream({}):
            documents = [_document_row(document) for document in chunk]
            _copy_rows(connection, recount_sql.COPY_DOCUMENTS, recount_sql.DOCUMENT_TYPES, documents)
            counted += len(documents)
            progress.advance("documents counted", counted, total)
    finally:
        store.close()


def count_rows(connection: psycopg.Connection, progress: Progress) -> None:
    """Roll up all rows again, and check that each has what logic makes of what was sent.

    :raises StoreUnavailable: MongoDB does not answer
    :raises NeedsOperator: this release can't read a revision of logic
    :raises Interrupted: SIGTERM or SIGINT arrived
    """
    writer, counted = _RollupWriter(connection), 0
    with closing(document_store.DocumentStore()) as documents:
        content = RowContent(connection, documents)
        for chunk in _row_chunks(connection):
            changed = [
                (entry.source, entry.id, entry.partition, entry.offset, entry.line, entry.received - _PG_EPOCH)
                for entry in content.differing(chunk)
            ]
            if changed:
                _copy_rows(connection, recount_sql.COPY_CHANGED, recount_sql.CHANGED_TYPES, changed)
            writer.add([row.event for row in chunk])
            counted += len(chunk)
            progress.advance("rows counted", counted)
    writer.finish()


def whole_hours(connection: psycopg.Connection, events: EventRange) -> EventRange:
    """Widen a range whose bound lies within an hour that the ledger has folded: it no longer knows the hour's minutes."""

    def hour_around(bound: datetime | None) -> datetime | None:
        found = connection.execute(recount_sql.FOLDED_HOUR, {"bound": bound, "source": events.source}).fetchone()
        return found[0] if found else None

    begin, end = hour_around(events.since), hour_around(events.until)
    return replace(events, since=begin or events.since, until=end + timedelta(hours=1) if end else events.until)


def topic_row(connection: psycopg.Connection, kafka_id: UUID) -> int:
    """Return the row id of the topic; -1 if nothing of it was read yet."""
    found = connection.execute("SELECT id FROM topic WHERE kafka_id = %s", [kafka_id]).fetchone()
    return -1 if found is None else int(found[0])


def _records_per_chunk(ends: TopicOffsets, at: Snapshot) -> int:
    done = [progress for (topic, _), progress in at.progress.items() if topic == ends.topic and progress.records]
    density = max((progress.events / progress.records for progress in done), default=1.0)
    return max(1, int(LINES_PER_CHUNK / max(1.0, density)))


def _whole(at: Snapshot, ends: TopicOffsets, partition: int, first: int, records: Mapping[int, int]) -> bool:
    """Return whether all that was ever read of this partition is counted now; the ledger does not separate topics."""
    others = any(done.records for (topic, _), done in at.progress.items() if topic != ends.topic)
    return not others and (first == 0 or records[partition] == at.progress[ends.topic, partition].records)


def _insert_partitions(connection: psycopg.Connection, ranges: Iterable[OffsetRange]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO recount_partition VALUES (%s, %s, %s, %s)",
            [(one.partition, one.first, one.next, one.whole) for one in ranges],
        )
    connection.execute("ANALYZE recount_line")


def _line(line: reread.Line) -> Row:
    if isinstance(line, Letter):
        place = line.partition, line.offset, line.line
        return line.source, line.event_id, None, line.received - _PG_EPOCH, *place, str(line.reason), False
    event, is_dropped = (line.event, True) if isinstance(line, reread.DroppedLine) else (line, False)
    place = event.partition, event.offset, event.line
    return event.source, event.id, event.hash, event.received - _PG_EPOCH, *place, None, is_dropped


def _document_row(document: Mapping[str, object]) -> Row:
    key, source, topic = document["_id"], document.get("source"), document.get("topic")
    if not isinstance(key, bytes) or len(key) != 24 or not isinstance(source, str):
        return None, None, None, None, None, None, None, None, repr(key), False
    if key[16:] != source_digest(source):
        # It can't be found by its source and id, so it counts as a document without a source.
        source = None
    return (
        source,
        key[:16],
        _integer(document.get("hash")),
        bytes(topic) if isinstance(topic, bytes) and len(topic) == 16 else None,
        _integer(document.get("partition")),
        _integer(document.get("offset")),
        _integer(document.get("line")),
        received - _PG_EPOCH if (received := _integer(document.get("received_us"))) is not None else None,
        key.hex(),
        readers.is_intact_document(document),
    )


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _row_chunks(connection: psycopg.Connection) -> Iterator[list[StoredRow]]:
    with connection.cursor("recount_rows", binary=True) as cursor:
        cursor.execute(recount_sql.ROWS)
        while found := cursor.fetchmany(ROWS_PER_FETCH):
            revisions = [revision for revision, *_ in found]
            yield list(map(StoredRow, readers.events_of_rows([row for _, *row in found]), revisions))


class _RollupWriter:
    """Rolls up rows sorted by source and time, in chunks; the last minute and hour wait for the next chunk."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._open: tuple[Spans, Spans] = ({}, {})

    def add(self, entries: list[Entry]) -> None:
        last = entries[-1]
        rolled = roll_up(entries)
        for spans, waiting, width in zip(rolled, self._open, (MINUTE, _HOUR), strict=True):
            merge(spans, waiting)
            waiting.clear()
            key = last.source, last.ts // width
            if key in spans:
                waiting[key] = spans.pop(key)
        self._write(*rolled)

    def finish(self) -> None:
        self._write(*self._open)

    def _write(self, minutes: Spans, hours: Spans) -> None:
        with self._connection.cursor() as cursor, cursor.copy(recount_sql.COPY_SPANS) as copy:
            copy.write(copy_encoder.spans(minutes, hours))


def _copy_rows(connection: psycopg.Connection, statement: str, types: list[str], lines: Iterable[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for line in lines:
            copy.write_row(line)
