"""What all commands share that mend PostgreSQL beside running consumers: one at a time, and moments without a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.errors import LockNotAvailable

from processing import row_sql, row_store
from processing.failures import NeedsOperator

APPLICATION = "dataflow-mend"
_OPTIONS = "-c lock_timeout=60s -c statement_timeout=0 -c cursor_tuple_fraction=1"
_LOCK = 0x6D656E64  # "mend", for pg_advisory_lock


@contextmanager
def session() -> Iterator[psycopg.Connection]:
    """Open a connection that may mend, with the consumer's staging tables.

    :raises NeedsOperator: another command is mending
    :raises psycopg.Error: PostgreSQL does not answer
    """
    with row_store.connect(application=APPLICATION, options=_OPTIONS) as connection:
        claim(connection)
        yield connection


def claim(connection: psycopg.Connection) -> None:
    """Make this connection the one that mends, until it is closed.

    :raises NeedsOperator: another one is
    """
    try:
        with connection.transaction():
            # One that has just ended, or was killed, needs a moment to be gone.
            connection.execute("SET LOCAL lock_timeout = '3s'")
            connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    except LockNotAvailable as error:
        raise NeedsOperator("another rebuild or repair is at work: wait for it, or stop it") from error
    connection.execute(row_sql.STAGING)


@contextmanager
def between_batches(connection: psycopg.Connection) -> Iterator[None]:
    """Give a transaction in which no consumer is amid a batch; to be short, since consumers wait meanwhile.

    A batch begins by locking its rows of `progress`, so this waits for those under way and holds up the next.
    """
    with connection.transaction():
        connection.execute("LOCK TABLE progress IN EXCLUSIVE MODE")
        yield
