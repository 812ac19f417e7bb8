"""Writes to PostgreSQL: everything a batch changes, in one transaction that also moves progress."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from uuid import UUID

import psycopg

from ingestion.events.halving import failing
from processing.errors import ContentRejected
from processing.events.batch import Batch
from processing.events.document_ids import document_id
from processing.events.entries import Entry
from processing.events.ledger_deltas import LedgerDeltas
from processing.events.positions import ReadUpTo
from processing.events.rollup_budget import cut_sources
from processing.events.rollups import Spans
from processing.stores import (
    change_marks,
    copy_encoder,
    letter_writer,
    month_partitions,
    postgres,
    redrive_outcomes,
    row_sql,
)
from processing.stores.accounting import memberships, progress_moves, revision_spans, rule_counts
from processing.stores.field_limit import FieldLimit
from processing.stores.postgres import row_errors, terminate_lock_holders_after
from processing.stores.statement_times import timed

logger = logging.getLogger(__name__)

# The timeline is the first part of the name of a WAL file, which any role may ask for.
_TIMELINE = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"

FORGET_SECONDS = 60.0  # between two looks for old marks, each at all of them


class RowStore:
    """The consumer's one connection to PostgreSQL, for one thread; not to be used after a fork."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection | None = None
        self._backend = 0  # the server's process of the present transaction
        self.began_at = 0  # when it began, by PostgreSQL's clock; microseconds since the epoch
        self.revision = 0  # of the logic that was current then
        self._months: set[datetime] = set()
        self._progress: set[tuple[int, int]] = set()
        self._fields = FieldLimit()
        self.connected = 0  # how often
        self._timeline: str | None = None
        self._forgot = float("-inf")  # when old marks were removed; time.monotonic()

    @property
    def connection(self) -> psycopg.Connection:
        """The connection; a lost one is replaced.

        :raises StoreUnavailable: PostgreSQL does not answer
        """
        if self._connection is not None and (self._connection.closed or self._connection.broken):
            self._connection = None
        if self._connection is None:
            with row_errors():
                self._connection = postgres.connect()
                self._note_timeline(self._connection)
            # It may be another server, which has not got everything of the one before.
            self.forget()
            self.connected += 1
        return self._connection

    def _note_timeline(self, connection: psycopg.Connection) -> None:
        """Log it if another server has taken over, which changes the timeline; a standby that is still one has none."""
        before = self._timeline
        with suppress(psycopg.errors.ObjectNotInPrerequisiteState, psycopg.errors.InsufficientPrivilege):
            [(self._timeline,)] = connection.execute(_TIMELINE).fetchall()
        if before not in (None, self._timeline):
            told = {"timeline": self._timeline, "before": before}
            logger.warning("another PostgreSQL server has taken over", extra=told)

    def close(self) -> None:
        """Drop the connection; the next use makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def forget(self) -> None:
        """Drop cached knowledge after a failure: a partition, a progress row or a field may be gone."""
        self._months.clear()
        self._progress.clear()
        self._fields = FieldLimit()

    def topic_row(self, kafka_id: UUID, name: str) -> int:
        """Return the row id of a topic, by Kafka's id for it: a recreated topic is another one."""
        with row_errors():
            self.connection.execute(row_sql.INSERT_TOPIC, {"id": kafka_id, "name": name})
            row = self.connection.execute("SELECT id FROM topic WHERE kafka_id = %s", [kafka_id]).fetchone()
        assert row is not None
        return int(row[0])

    @contextmanager
    def cursor(self) -> Iterator[psycopg.Cursor]:
        """Open a cursor, in the batch's transaction if one is open.

        :raises StoreUnavailable: PostgreSQL does not answer
        :raises NeedsOperator: a statement failed for good; UniqueViolation is raised as it is
        """
        with row_errors(), self.connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def exclusive_transaction(self) -> Iterator[psycopg.Cursor]:
        """Open a cursor in a transaction of its own, which terminates consumers that hold the same rows for too long.

        :raises StoreUnavailable: PostgreSQL does not answer, or another consumer's lock stays
        """
        with (
            self.transaction(),
            terminate_lock_holders_after(postgres.MAX_LOCK_HOLD, backend=self._backend),
            self.cursor() as cursor,
        ):
            yield cursor

    def has_rows(self) -> bool:
        """Return whether any event is stored."""
        with row_errors():
            row = self.connection.execute("SELECT EXISTS (SELECT FROM events)").fetchone()
        return bool(row and row[0])

    def heartbeat(
        self, member: str, partitions: Sequence[int], since: datetime, state: str, *, held: Sequence[int] = ()
    ) -> None:
        """Record this consumer's heartbeat and partitions; remove what is too old of this and of other marks."""
        with row_errors():
            memberships.beat(self.connection, member, partitions, held=held, since=since, state=state)
            if time.monotonic() - self._forgot > FORGET_SECONDS:
                self._forgot = time.monotonic()
                memberships.forget(self.connection)
                with self.connection.cursor() as cursor:
                    change_marks.forget(cursor)

    def remove_member(self, member: str) -> None:
        """Remove this consumer from the list of members."""
        with row_errors():
            memberships.leave(self.connection, member)

    def prepare(self, batch: Batch, topic: int) -> None:
        """Create the partitions and progress rows that the batch needs, outside its transaction."""
        with row_errors():
            missing = month_partitions.months({ts // month_partitions.DAY for ts in batch.entries.times}) - self._months
            if missing:
                with self.transaction():
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

    def claim(self, batch: Batch, topic: int) -> dict[int, ReadUpTo]:
        """Lock the progress of the batch's partitions, within its transaction, and return it."""
        with (
            row_errors(),
            terminate_lock_holders_after(postgres.MAX_LOCK_HOLD, backend=self._backend),
            timed("postgresql", "claim"),
        ):
            found = self.connection.execute(
                "SELECT partition, next_offset, coalesce(record_epoch, -1) FROM progress"
                " WHERE topic_id = %s AND partition = ANY(%s) ORDER BY partition FOR UPDATE",
                [topic, sorted({record.partition for record in batch.records})],
            ).fetchall()
        return {partition: ReadUpTo(next_offset, epoch) for partition, next_offset, epoch in found}

    @contextmanager
    def transaction(self, *, undo: bool = False) -> Iterator[None]:
        """Open the batch's transaction, with staging tables; an exception, or `undo`, rolls everything back."""
        with row_errors(), self.connection.transaction(force_rollback=undo), self.connection.cursor() as cursor:
            self._begin(cursor)
            yield

    def _begin(self, cursor: psycopg.Cursor) -> None:
        """Set up the transaction. A connection pooler may pass each one to another session, so nothing is left to that."""
        # One simple query for all; several statements can't be prepared.
        cursor.execute(postgres.limits() + row_sql.STAGING + row_sql.BEGAN, prepare=False)
        while cursor.nextset():
            pass
        [(self._backend, self.began_at, self.revision)] = cursor.fetchall()

    def copy_events(self, batch: Batch, topic: int) -> None:
        """Write rows directly into the table.

        :raises UniqueViolation: a row exists already; roll back and use move_events()
        """
        if batch.entries:
            with row_errors():
                self._copy_entries(batch, topic, whole=row_sql.COPY_EVENTS, judged=row_sql.COPY_JUDGED_EVENTS)
        batch.stored = batch.entries

    def move_events(self, batch: Batch, topic: int) -> list[Entry]:
        """Write rows through the staging table; set batch.stored to the new ones and return those whose row exists."""
        if not batch.entries:
            batch.stored = batch.entries
            return []
        with row_errors():
            self._copy_entries(batch, topic, whole=row_sql.COPY_STAGED_EVENTS, judged=row_sql.COPY_STAGED_JUDGED_EVENTS)
            new = {document_id(id_, source) for source, id_ in self.connection.execute(row_sql.MOVE_EVENTS)}
        batch.stored = batch.entries.select([index for index, key in enumerate(batch.entries.keys) if key in new])
        return [] if len(batch.stored) == len(batch.entries) else list(batch.entries.without(new))

    def add_up(
        self, batch: Batch, topic: int, *, spans: tuple[Spans, Spans], gains: LedgerDeltas
    ) -> Callable[[], None]:
        """Fold the batch into rollups, latest values, statistics, ledger, dead letters (closed ones, too) and progress.

        :param spans: the rollups of batch.stored by minute and hour; fields past a source's cap are taken out
        :return: to be called once the transaction is committed
        """
        minutes, hours = spans
        with row_errors():
            capped, remember = self._fields.cap(self.connection, minutes, hours)
            statements = ""
            if minutes:
                self._copy(row_sql.COPY_SPANS, copy_encoder.spans(minutes, hours))
                statements += row_sql.FOLD_SPANS
            if gains:
                self._copy(row_sql.COPY_LEDGER, copy_encoder.ledger(gains))
                statements += row_sql.FOLD_LEDGER
            if statements:
                with timed("postgresql", "fold"):
                    # One simple query for all; several statements can't be prepared.
                    self.connection.execute(statements, prepare=False)
            with self.connection.cursor() as cursor:
                change_marks.mark(cursor, batch.stored.sources, batch.stored.times)
                revision_spans.note(cursor, batch, topic)
                rule_counts.add(cursor, batch.rule_counts)
            if batch.records:
                self.connection.execute(row_sql.MOVE_PROGRESS, progress_moves.moves(batch, topic))
            if capped:
                self.connection.execute(row_sql.SAY_CAPPED, [sorted(capped)])
            if batch.is_cut and (cut := cut_sources(batch.stored)):
                self.connection.execute(row_sql.SAY_CUT, [cut])
            letter_writer.write_letters(self.connection, batch.letters, topic)
            redrive_outcomes.close(self.connection, batch, topic=topic)
        return remember

    def refusals(self, entries: Sequence[Entry], topic: int) -> list[Entry]:
        """Return the events whose content PostgreSQL rejects; stores nothing."""
        return failing(entries, lambda part: self._rejects(part, topic))

    def _rejects(self, entries: Sequence[Entry], topic: int) -> bool:
        try:
            with row_errors(), self.transaction(undo=True):
                self._copy(row_sql.COPY_STAGED_EVENTS, copy_encoder.events(entries, stored=0, topic=topic))
        except ContentRejected:
            return True
        return False

    def _copy_entries(self, batch: Batch, topic: int, *, whole: str, judged: str) -> None:
        """Copy the batch's entries.

        :param whole: the statement for events that are rolled up, while there is no logic
        :param judged: the one with all columns
        """
        stored, revision = batch.stored_at, batch.revision or None
        if not batch.is_cut:
            statement = whole if revision is None else judged
            self._copy(statement, copy_encoder.events(batch.entries, stored=stored, topic=topic, revision=revision))
            return
        rolled, left = (
            batch.entries.select([index for index, is_rolled in enumerate(batch.entries.rolled) if is_rolled == wanted])
            for wanted in (True, False)
        )
        self._copy(judged, copy_encoder.events(rolled, stored=stored, topic=topic, revision=batch.revision))
        self._copy(judged, copy_encoder.events(left, stored=stored, topic=topic, revision=batch.revision, cut=True))

    def _copy(self, statement: str, data: bytes) -> None:
        with timed("postgresql", "copy"), self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(data)
