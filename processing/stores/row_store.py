"""Writes to PostgreSQL: everything a batch changes, in one transaction that also moves progress."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

import psycopg
from django.conf import settings
from psycopg.errors import UniqueViolation

from ingestion.events.timestamps import from_micros
from processing.errors import ContentRejected, postgres_errors
from processing.events.batch import Batch, Entry, Letter
from processing.events.ledger_deltas import LedgerDeltas
from processing.events.rollups import Spans
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger.incidents import PartitionRef
from processing.partitions import paused, start_offsets
from processing.partitions.circuit_breaker import Trip
from processing.partitions.start_offsets import Asking, Place, StartOffset
from processing.stores import copy_encoder, month_partitions, redrive_outcomes, row_sql
from processing.stores.field_limit import FieldLimit

logger = logging.getLogger(__name__)

APPLICATION = "dataflow-consumer"
LOCK_TIMEOUT = 10.0  # seconds to wait for another consumer's transaction
# A batch takes a tenth of a second, and twice MongoDB's timeout at worst. Whoever holds a partition for longer than
# this is frozen, or waits for MongoDB as we would: it loses its transaction, which costs it one more try.
PATIENCE = 5.0  # seconds
IDLE_TIMEOUT = 30.0  # seconds
OPTIONS = f"-c lock_timeout={LOCK_TIMEOUT}s -c idle_in_transaction_session_timeout={IDLE_TIMEOUT}s"
CONNECT_TIMEOUT = 3  # seconds


def failures() -> AbstractContextManager[None]:
    """Raise psycopg's errors as failures of a known kind, all but UniqueViolation."""
    return postgres_errors(passing=UniqueViolation)


class RowStore:
    """The consumer's one connection to PostgreSQL, for one thread; not to be used after a fork."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection | None = None
        self._months: set[datetime] = set()
        self._progress: set[tuple[int, int]] = set()
        self._fields = FieldLimit()

    @property
    def connection(self) -> psycopg.Connection:
        """The connection, made anew when it was lost.

        :raises StoreUnavailable: PostgreSQL does not answer
        """
        if self._connection is not None and (self._connection.closed or self._connection.broken):
            self._connection = None
        if self._connection is None:
            with failures():
                connection = connect()
                connection.execute(row_sql.STAGING)
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Drop the connection; the next use makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def forget(self) -> None:
        """Take nothing for granted after a failure: a partition or a progress row may be gone."""
        self._months.clear()
        self._progress.clear()

    def topic_row(self, kafka_id: UUID, name: str) -> int:
        """Give the row id of a topic, by Kafka's id for it: a recreated topic is another."""
        with failures():
            self.connection.execute(row_sql.INSERT_TOPIC, {"id": kafka_id, "name": name})
            row = self.connection.execute("SELECT id FROM topic WHERE kafka_id = %s", [kafka_id]).fetchone()
        assert row is not None
        return int(row[0])

    def place(
        self, ends: TopicOffsets, partitions: Sequence[int], *, known_ends: Mapping[Place, int], ask: Asking
    ) -> dict[int, StartOffset]:
        """Read where partitions start, in a transaction that also writes down what is missing; see processing.partitions.start_offsets."""
        topic = self.topic_row(ends.topic, ends.name)
        with (
            failures(),
            _patience(self.connection.info.backend_pid),
            self.connection.transaction(),
            self.connection.cursor() as cursor,
        ):
            return start_offsets.place(cursor, topic, ends, partitions, known_ends=known_ends, ask=ask)

    def held(self, partitions: Iterable[int], topic: int) -> set[int]:
        """Read, within the batch's transaction, which partitions are held; `claim` comes first, so that none is missed."""
        with failures(), self.connection.cursor() as cursor:
            return {partition for partition, hold in paused.read(cursor, topic, partitions).items() if hold.held}

    def hold(self, topic: int, name: str, trips: Mapping[int, Trip]) -> None:
        """Hold partitions, within the batch's transaction."""
        with failures(), self.connection.cursor() as cursor:
            for partition, trip in sorted(trips.items()):
                paused.hold(cursor, PartitionRef(topic, name, partition), trip.reason)

    def has_rows(self) -> bool:
        """Tell whether any event is stored."""
        with failures():
            row = self.connection.execute("SELECT EXISTS (SELECT FROM events)").fetchone()
        return bool(row and row[0])

    def heartbeat(self, member: str, partitions: Sequence[int], since: datetime, state: str) -> None:
        """Say that this consumer lives and what it has; forget those that have been silent for long."""
        with failures():
            self.connection.execute(
                "INSERT INTO consumer_member AS m (member, partitions, since, heartbeat, state)"
                " VALUES (%s, %s, %s, now(), %s) ON CONFLICT (member) DO UPDATE SET partitions = excluded.partitions,"
                " since = excluded.since, heartbeat = excluded.heartbeat, state = excluded.state",
                [member, list(partitions), since, state],
            )
            self.connection.execute("DELETE FROM consumer_member WHERE heartbeat < now() - interval '1 hour'")

    def farewell(self, member: str) -> None:
        """Forget this consumer, which ends."""
        with failures():
            self.connection.execute("DELETE FROM consumer_member WHERE member = %s", [member])

    def prepare(self, batch: Batch, topic: int) -> None:
        """Make the partitions and progress rows that the batch needs, outside its transaction."""
        with failures():
            missing = (
                month_partitions.months({entry.ts // month_partitions.DAY for entry in batch.entries}) - self._months
            )
            if missing:
                month_partitions.ensure(self.connection, missing)
                self._months |= missing
            for partition in sorted({record.partition for record in batch.records}):
                if (topic, partition) not in self._progress:
                    self.connection.execute(
                        "INSERT INTO progress (topic_id, partition, next_offset, records, events, updated_at)"
                        " VALUES (%s, %s, 0, 0, 0, now()) ON CONFLICT DO NOTHING",
                        [topic, partition],
                    )
                    self._progress.add((topic, partition))

    def claim(self, batch: Batch, topic: int) -> dict[int, int]:
        """Lock the progress of the batch's partitions, within its transaction; give each next offset."""
        with failures(), _patience(self.connection.info.backend_pid):
            found = self.connection.execute(
                "SELECT partition, next_offset FROM progress WHERE topic_id = %s AND partition = ANY(%s)"
                " ORDER BY partition FOR UPDATE",
                [topic, sorted({record.partition for record in batch.records})],
            ).fetchall()
        return dict(found)

    def rows_of(self, entries: Sequence[Entry], topic: int) -> list[tuple[Entry, int]]:
        """Find which events have their row from these very places, and when each was stored (microseconds)."""
        if not entries:
            return []
        with failures():
            found = self.connection.execute(
                'SELECT e.source_id, e.id, e.partition, e."offset", e.line,'
                " (extract(epoch FROM e.stored) * 1000000)::bigint"
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
        stored = {(source, id_.bytes, *origin): at for source, id_, *origin, at in found}
        places = [(entry, (entry.source, entry.id, entry.partition, entry.offset, entry.line)) for entry in entries]
        return [(entry, stored[place]) for entry, place in places if place in stored]

    @contextmanager
    def transaction(self, *, undo: bool = False) -> Iterator[None]:
        """The batch's transaction; what it raises rolls everything back, and `undo` does so too."""
        with failures(), self.connection.transaction(force_rollback=undo):
            yield

    def copy_events(self, batch: Batch, topic: int) -> None:
        """Write rows straight into the table.

        :raises UniqueViolation: a row exists already; roll back and go carefully
        """
        if batch.entries:
            with failures():
                self._copy(row_sql.COPY_EVENTS, copy_encoder.events(batch.entries, stored=batch.stored_at, topic=topic))
        batch.stored = batch.entries

    def move_events(self, batch: Batch, topic: int) -> list[Entry]:
        """Write rows by way of staging; set batch.stored to the new ones and give those whose row exists."""
        if not batch.entries:
            batch.stored = []
            return []
        with failures():
            self._copy(
                row_sql.COPY_STAGED_EVENTS, copy_encoder.events(batch.entries, stored=batch.stored_at, topic=topic)
            )
            new = {(source, id_.bytes) for source, id_ in self.connection.execute(row_sql.MOVE_EVENTS)}
        batch.stored = [entry for entry in batch.entries if (entry.source, entry.id) in new]
        return [entry for entry in batch.entries if (entry.source, entry.id) not in new]

    def hashes(self, entries: Sequence[Entry]) -> dict[bytes, int]:
        """Read the content hashes of rows, by document id."""
        with failures():
            found = self.connection.execute(
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
            entry.key: by_identity[entry.source, entry.id]
            for entry in entries
            if (entry.source, entry.id) in by_identity
        }

    def add_up(
        self, batch: Batch, topic: int, *, spans: tuple[Spans, Spans], gains: LedgerDeltas
    ) -> Callable[[], None]:
        """Fold the batch into rollups, latest values, statistics, ledger, dead letters (closed ones, too) and progress.

        :param spans: the rollups of batch.stored by minute and hour; fields past a source's cap are taken out
        :return: to be called once the transaction is committed
        """
        minutes, hours = spans
        with failures():
            capped, remember = self._fields.cap(self.connection, minutes, hours)
            statements = ""
            if minutes:
                self._copy(row_sql.COPY_SPANS, copy_encoder.spans(minutes, hours))
                statements += row_sql.FOLD_SPANS
            if gains:
                self._copy(row_sql.COPY_LEDGER, copy_encoder.ledger(gains))
                statements += row_sql.FOLD_LEDGER
            if statements:
                # One simple query for all; several statements can't be prepared.
                self.connection.execute(statements, prepare=False)
            if batch.records:
                self.connection.execute(row_sql.MOVE_PROGRESS, _moves(batch, topic))
            if capped:
                self.connection.execute(row_sql.SAY_CAPPED, [sorted(capped)])
            write_letters(self.connection, batch.letters, topic)
            redrive_outcomes.close(self.connection, batch, topic=topic)
        return remember

    def refusals(self, entries: Sequence[Entry], topic: int) -> list[Entry]:
        """Find, by halving, the events whose content PostgreSQL refuses; leaves nothing behind."""
        try:
            with failures(), self.connection.transaction(force_rollback=True):
                self._copy(row_sql.COPY_STAGED_EVENTS, copy_encoder.events(entries, stored=0, topic=topic))
        except ContentRejected:
            if len(entries) == 1:
                return list(entries)
            half = len(entries) // 2
            return self.refusals(entries[:half], topic) + self.refusals(entries[half:], topic)
        return []

    def _copy(self, statement: str, data: bytes) -> None:
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(data)


def connect(*, application: str = APPLICATION, options: str = OPTIONS) -> psycopg.Connection:
    """Open a connection, with the consumer's settings unless others are given.

    :param options: server settings as for libpq
    :raises psycopg.OperationalError: PostgreSQL does not answer
    """
    return psycopg.connect(
        host=settings.DATABASES["default"]["HOST"],
        port=settings.DATABASES["default"]["PORT"],
        user=settings.DATABASES["default"]["USER"],
        password=settings.DATABASES["default"]["PASSWORD"],
        dbname=settings.DATABASES["default"]["NAME"],
        connect_timeout=CONNECT_TIMEOUT,
        application_name=application,
        autocommit=True,
        options=f"{options} -c client_min_messages=warning -c timezone=UTC",
    )


@contextmanager
def _patience(backend: int) -> Iterator[None]:
    """Let a backend of ours wait for other consumers for PATIENCE, then end their transactions."""
    timer = threading.Timer(PATIENCE, _end_holders, [backend])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end_holders(backend: int) -> None:
    try:
        with connect() as connection:
            ended = connection.execute(row_sql.END_HOLDERS, [backend, APPLICATION]).fetchall()
    except psycopg.Error as error:
        logger.warning("a consumer that holds partitions can't be ended", extra={"reason": type(error).__name__})
        return
    if ended:
        logger.warning(
            "ended a consumer's transaction that held partitions", extra={"backends": [pid for pid, _ in ended]}
        )


def _moves(batch: Batch, topic: int) -> tuple[int, list[int], list[int], list[int], list[int], list[int]]:
    """Give the values of MOVE_PROGRESS: how far each partition goes, and by how many records and events."""
    events: Counter[int] = Counter()
    for (_, _, partition), count in batch.read.items():
        events[partition] += count
    moves: dict[int, tuple[int, int, int]] = {}
    for record in batch.records:
        _, count, time = moves.get(record.partition, (0, 0, 0))
        moves[record.partition] = (record.offset + 1, count + 1, max(time, record.time))
    offsets, counts, times = ([move[part] for move in moves.values()] for part in range(3))
    return topic, list(moves), offsets, counts, [events[partition] for partition in moves], times


def write_letters(connection: psycopg.Connection, letters: Sequence[Letter], topic: int) -> None:
    """Write dead letters; one that is there already is seen once more."""
    if not letters:
        return
    now = datetime.now(tz=UTC)
    with connection.cursor() as cursor:
        cursor.executemany(row_sql.INSERT_LETTER, [_letter_row(letter, topic, now) for letter in letters])


def _letter_row(letter: Letter, topic: int, now: datetime) -> list[object]:
    alike = blake2b(f"{letter.reason}\0{letter.pointer}\0{letter.stage}\0{letter.source}".encode(), digest_size=16)
    return [
        topic, letter.partition, letter.offset, letter.line, letter.raw, letter.reason, letter.detail, letter.pointer,
        letter.stage, letter.source, UUID(bytes=letter.event_id) if letter.event_id else None,
        from_micros(letter.received), now, now, alike.hexdigest(),
    ]  # fmt: skip
