"""Maintenance of PostgreSQL beside running consumers: one command at a time, and pauses between their batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import psycopg

from processing.errors import NeedsOperator
from processing.leases import lease
from processing.leases.lease import Lease
from processing.leases.renewal import renewed
from processing.stores import postgres, row_sql
from processing.stores.packed import ledger

APPLICATION = "dataflow-mend"
NAME = "maintenance"
# A killed command keeps the others away for so long, and one that is frozen or cut off for longer has to be repeated.
LENGTH = timedelta(seconds=10)
_POLL = 0.2  # seconds

# In each transaction, since a connection pooler may pass each one to another session. Consumers wait for a command that
# froze within a transaction; it loses that transaction after the length of its lease.
_LIMITS = {"lock_timeout": "60s", "statement_timeout": "0", "cursor_tuple_fraction": "1"}

_HELD = """
SELECT source_id, date_trunc('minute', received) AS minute, partition, count(*) AS rows, min(received) AS first_seen,
    max(received) AS last_seen, max(ts) AS latest_event
FROM events GROUP BY 1, 2, 3
"""
_TOTAL = """
sum(b.rows)::bigint AS rows, min(first_seen) AS first_seen, max(last_seen) AS last_seen, max(latest_event) AS latest_event
"""
# Rows that the ledger does not count. One snapshot suffices: a batch commits its rows and its counts together.
_UNCOUNTED = f"""
INSERT INTO staged_ledger
SELECT source_id, minute, partition, h.rows - coalesce(l.stored, 0), h.rows - coalesce(l.stored, 0), 0, 0, 0,
    h.first_seen, h.last_seen, h.latest_event
FROM ({ledger.by_place(_TOTAL, _HELD)}) AS h
LEFT JOIN ({ledger.by_place("sum(b.stored)::bigint AS stored", "SELECT * FROM ledger")}) AS l USING (source_id, minute, partition)
WHERE h.rows > coalesce(l.stored, 0)
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Maintenance:
    """The connection of a command that holds the maintenance lease. Outside of its transactions it only reads."""

    connection: psycopg.Connection
    lease: Lease

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Cursor]:
        """Open a transaction with the consumer's staging tables, which commits only if the lease holds to its end.

        :raises LeaseLost: it does not; nothing was written
        """
        with lease.effects(self.connection, self.lease) as cursor:
            postgres.limit(cursor, idle_in_transaction_session_timeout=f"{LENGTH.total_seconds():.0f}s", **_LIMITS)
            cursor.execute(row_sql.STAGING, prepare=False)
            yield cursor

    @contextmanager
    def between_batches(self) -> Iterator[psycopg.Cursor]:
        """Open a transaction during which no consumer is inside a batch. Keep it short: consumers wait.

        A batch begins by locking its rows of `progress`. So this waits for running batches and blocks the next.
        """
        with self.transaction() as cursor:
            cursor.execute("LOCK TABLE progress IN EXCLUSIVE MODE")
            yield cursor

    def left(self) -> timedelta:
        """Return how long the lease lasts without renewal; for a transaction of ours.

        :raises LeaseLost: it is lost
        """
        return lease.check(self.connection.cursor(), self.lease)


@contextmanager
def session() -> Iterator[Maintenance]:
    """Take the maintenance lease, and renew it until the end of the block.

    :raises NeedsOperator: another command holds it
    :raises psycopg.Error: PostgreSQL does not answer
    """
    with postgres.connect(application=APPLICATION) as connection:
        held = _take(connection)
        try:
            with renewed(held):
                yield Maintenance(connection, held)
        finally:
            # If this fails, the lease runs out by itself.
            with suppress(psycopg.Error):
                lease.release(connection.cursor(), held)


def _take(connection: psycopg.Connection) -> Lease:
    """Take the lease as soon as a killed command has lost it; give up once the present holder has renewed it."""
    holder, seen, pause = lease.new_holder(), None, threading.Event()
    while True:
        with connection.transaction(), connection.cursor() as cursor:
            postgres.limit(cursor, lock_timeout=f"{2 * LENGTH.total_seconds():.0f}s")
            if held := lease.take(cursor, NAME, holder=holder, length=LENGTH):
                return held
            now = lease.look(cursor, NAME)
        if seen is not None and now != seen and now is not None and now.live:
            raise NeedsOperator("another rebuild or repair is running: wait for it, or stop it")
        seen = now
        pause.wait(_POLL)


def count_in_ledger(held: Maintenance) -> int:
    """Add rows that the ledger does not count to it, as read and stored; return their number.

    Only differences are added, never subtracted, so what consumers count meanwhile stays counted.
    """
    with held.transaction() as cursor:
        cursor.execute(_UNCOUNTED)
        found = cursor.execute("SELECT coalesce(sum(stored), 0)::bigint FROM staged_ledger").fetchone()
        cursor.execute(row_sql.FOLD_LEDGER, prepare=False)
    assert found is not None
    return int(found[0])
