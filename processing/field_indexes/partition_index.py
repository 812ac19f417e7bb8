"""Makes and drops the index of one partition, without a lock that a consumer would wait for.

CREATE and DROP INDEX CONCURRENTLY wait for transactions that are in progress, however long these take, and nobody waits
for them: their lock of the partition admits readers and writers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.errors import DiskFull, ProgramLimitExceeded, QueryCanceled, UndefinedTable

from processing.cursors import Cursor
from processing.errors import NeedsOperator, from_postgres, postgres_errors
from processing.jobs.heartbeat import beating
from processing.jobs.queue import JobFailed
from processing.models import Job
from processing.stores import postgres
from processing.stores.fields.definitions import Definition, quote

APPLICATION = "dataflow-field-index"
OPTIONS = "-c statement_timeout=0 -c lock_timeout=0"
CLEAN_UP = 10.0  # seconds to remove what is unfinished; a transaction in progress may keep it longer

# By any job, also one whose worker was killed while its statement went on. Two at once would wait for each other.
_BEING_MADE = """
SELECT EXISTS (SELECT FROM pg_stat_progress_create_index AS p JOIN pg_inherits AS h ON h.inhrelid = p.relid
    WHERE h.inhparent = 'events'::regclass AND p.datname = current_database())
"""
_UNFINISHED = "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid)"
# Also of partitions that were detached.
_LEFT = """
SELECT kind, name FROM (
    SELECT 'INDEX CONCURRENTLY', relname::text, relnamespace FROM pg_class WHERE relkind = 'i'
    UNION ALL SELECT 'STATISTICS', stxname, stxnamespace FROM pg_statistic_ext
) AS found (kind, name, home)
WHERE home = (SELECT relnamespace FROM pg_class WHERE oid = 'events'::regclass) AND starts_with(name, %s) ORDER BY 1, 2
"""
# To try again would not help.
_HOPELESS = (DiskFull, ProgramLimitExceeded, QueryCanceled)


def is_one_being_made(cursor: Cursor) -> bool:
    """Return whether an index of any partition of `events` is being made now."""
    cursor.execute(_BEING_MADE)
    return cursor.fetchone() == (True,)


def left(cursor: Cursor, definition: Definition) -> list[tuple[str, str]]:
    """Return all that is left of a definition, unfinished or not: what it is, as DROP names it, and its name."""
    cursor.execute(_LEFT, [definition.prefix])
    return cursor.fetchall()


def make(definition: Definition, partition: str, *, job: Job) -> None:
    """Make the index of a partition, once its values are counted.

    It returns early if the job is cancelled, or the partition is gone.

    :raises JobFailed: PostgreSQL can't; the text says why
    :raises StoreUnavailable: not now
    """
    name = quote(definition.name(partition))
    with _session(job) as connection:
        try:
            _drop_unfinished(connection, name)
            connection.execute(definition.create_statistics(partition))
            connection.execute(f"ANALYZE {quote(partition)}")
            connection.execute(definition.create(partition, concurrently=True))
        except psycopg.Error:
            # It would take room, and time of every batch.
            _remove_unfinished(connection, name)
            raise


def drop(kind: str, name: str, *, job: Job) -> None:
    """Drop one thing that `left` has returned; raises as `make` does."""
    with _session(job) as connection:
        connection.execute(f"DROP {kind} IF EXISTS {quote(name)}")


@contextmanager
def _session(job: Job) -> Iterator[psycopg.Connection]:
    """Open a connection whose statements have no time limit, and end when the job is cancelled."""
    with postgres_errors():
        connection = postgres.connect(application=APPLICATION, options=OPTIONS)
    with connection, beating(job, when_cancelled=lambda: _cancel(connection)):
        try:
            yield connection
        except UndefinedTable:
            pass
        except psycopg.Error as error:
            if not (isinstance(error, QueryCanceled) and _is_cancelled(job)):
                raise _meaning(error) from error


def _meaning(error: psycopg.Error) -> Exception:
    failure = from_postgres(error)
    if isinstance(failure, NeedsOperator) or isinstance(error, _HOPELESS):
        return JobFailed(f"{failure}: {error.diag.message_primary}")
    return failure


def _is_cancelled(job: Job) -> bool:
    return Job.objects.filter(pk=job.pk, cancel_requested=True).exists()


def _remove_unfinished(connection: psycopg.Connection, name: str) -> None:
    timer = threading.Timer(CLEAN_UP, _cancel, [connection])
    timer.start()
    try:
        # What is left is removed when the index is added again, or dropped.
        with suppress(psycopg.Error):
            _drop_unfinished(connection, name)
    finally:
        timer.cancel()


def _drop_unfinished(connection: psycopg.Connection, name: str) -> None:
    if connection.execute(_UNFINISHED, [name]).fetchone() == (True,):
        connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _cancel(connection: psycopg.Connection) -> None:
    with suppress(psycopg.Error):
        connection.cancel_safe()
