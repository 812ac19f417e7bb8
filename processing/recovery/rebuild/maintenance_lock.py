"""Maintenance of PostgreSQL beside running consumers: one command at a time, and pauses between their batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.errors import LockNotAvailable

from processing.errors import NeedsOperator
from processing.stores import postgres, row_sql

APPLICATION = "dataflow-mend"
_OPTIONS = "-c lock_timeout=60s -c statement_timeout=0 -c cursor_tuple_fraction=1"
_LOCK = 0x6D656E64  # for pg_advisory_lock; every release must use the same

# Rows that the ledger does not count. One snapshot suffices: a batch commits its rows and its counts together.
_UNCOUNTED = """
INSERT INTO staged_ledger
SELECT source_id, minute, partition, h.rows - coalesce(l.stored, 0), h.rows - coalesce(l.stored, 0), 0, 0, 0,
    h.first_seen, h.last_seen, h.latest_event
FROM (
    SELECT source_id, date_trunc('minute', received) AS minute, partition, count(*) AS rows,
        min(received) AS first_seen, max(received) AS last_seen, max(ts) AS latest_event
    FROM events GROUP BY 1, 2, 3) h
LEFT JOIN ledger_minute l USING (source_id, minute, partition)
WHERE h.rows > coalesce(l.stored, 0)
"""


@contextmanager
def session() -> Iterator[psycopg.Connection]:
    """Open a connection that holds the maintenance lock and has the consumer's staging tables.

    :raises NeedsOperator: another command holds the lock
    :raises psycopg.Error: PostgreSQL does not answer
    """
    with postgres.connect(application=APPLICATION, options=_OPTIONS) as connection:
        lock(connection)
        yield connection


def lock(connection: psycopg.Connection) -> None:
    """Take the maintenance lock, until the connection is closed; create the staging tables.

    :raises NeedsOperator: another command holds it
    """
    try:
        with connection.transaction():
            # PostgreSQL needs a moment to notice that a killed command is gone.
            connection.execute("SET LOCAL lock_timeout = '3s'")
            connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    except LockNotAvailable as error:
        raise NeedsOperator("another rebuild or repair is running: wait for it, or stop it") from error
    connection.execute(row_sql.STAGING)


@contextmanager
def between_batches(connection: psycopg.Connection) -> Iterator[None]:
    """Open a transaction during which no consumer is inside a batch. Keep it short: consumers wait.

    A batch begins by locking its rows of `progress`. So this waits for running batches and blocks the next.
    """
    with connection.transaction():
        connection.execute("LOCK TABLE progress IN EXCLUSIVE MODE")
        yield


def count_in_ledger(connection: psycopg.Connection) -> int:
    """Add rows that the ledger does not count to it, as read and stored; return their number.

    Only differences are added, never subtracted, so what consumers count meanwhile stays counted.

    :param connection: of `session`, outside a transaction
    """
    with connection.transaction():
        connection.execute(_UNCOUNTED)
        found = connection.execute("SELECT coalesce(sum(stored), 0)::bigint FROM staged_ledger").fetchone()
        connection.execute(row_sql.FOLD_LEDGER, prepare=False)
    assert found is not None
    return int(found[0])
