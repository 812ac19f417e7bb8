"""The connection of consumers and recovery to PostgreSQL, and the error translation of their statements."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
from django.conf import settings
from psycopg.conninfo import make_conninfo
from psycopg.errors import UniqueViolation

from processing.errors import postgres_errors
from processing.stores import row_sql

logger = logging.getLogger(__name__)

APPLICATION = "dataflow-consumer"
LOCK_TIMEOUT = 10.0  # seconds to wait for another consumer's transaction
# A batch takes a tenth of a second, and twice MongoDB's timeout at worst. A consumer that holds a partition for longer is
# frozen, or waits for MongoDB as this one would: its transaction is terminated, which costs it one retry.
MAX_LOCK_HOLD = 5.0  # seconds
IDLE_TIMEOUT = 30.0  # seconds
OPTIONS = f"-c lock_timeout={LOCK_TIMEOUT}s -c idle_in_transaction_session_timeout={IDLE_TIMEOUT}s"
CONNECT_TIMEOUT = 3  # seconds


def limits() -> str:
    """Return the statements that limit a consumer's transaction."""
    return (
        f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s';"
        # Behind a pooler the role may have a limit for the statements of pages.
        " SET LOCAL statement_timeout = 0;"
        f" SET LOCAL idle_in_transaction_session_timeout = '{IDLE_TIMEOUT}s';"
    )


def limit(cursor: psycopg.Cursor, **values: str) -> None:
    """Set settings of the server until the end of the transaction.

    Those of the session, such as `options` of `connect`, do not hold behind a pooler in transaction mode.
    """
    calls = ", ".join(["set_config(%s, %s, true)"] * len(values))
    cursor.execute(f"SELECT {calls}", [word for pair in values.items() for word in pair])


def row_errors() -> AbstractContextManager[None]:
    """Translate psycopg's errors, except UniqueViolation, which means an event stored before."""
    return postgres_errors(passing=UniqueViolation)


def connect(*, application: str = APPLICATION, options: str = OPTIONS) -> psycopg.Connection:
    """Open a connection, with the consumer's settings unless others are given.

    :param options: server settings as for libpq
    :raises psycopg.OperationalError: PostgreSQL does not answer
    """
    connection = psycopg.connect(
        make_conninfo(**settings.POSTGRES_TLS, **settings.POSTGRES_PRIMARY, **settings.POSTGRES_TCP),
        host=settings.DATABASES["default"]["HOST"],
        port=settings.DATABASES["default"]["PORT"],
        user=settings.DATABASES["default"]["USER"],
        password=settings.DATABASES["default"]["PASSWORD"],
        dbname=settings.DATABASES["default"]["NAME"],
        connect_timeout=CONNECT_TIMEOUT,
        application_name=application,
        autocommit=True,
        options=f"{options} -c client_min_messages=warning",
        # A pooler in transaction mode may pass the next execution to a session that has not prepared the statement.
        prepare_threshold=None,
    )
    # Not among the options, which a pooler may ignore; it knows of this setting, and keeps it for its client.
    try:
        connection.execute("SET timezone = 'UTC'")
    except psycopg.Error:
        connection.close()
        raise
    return connection


@contextmanager
def terminate_lock_holders_after(seconds: float, *, backend: int) -> Iterator[None]:
    """Terminate the transactions of other consumers that `backend` still waits for after this time."""
    timer = threading.Timer(seconds, _terminate_lock_holders, [backend])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _terminate_lock_holders(backend: int) -> None:
    try:
        with connect() as connection:
            ended = connection.execute(row_sql.END_HOLDERS, [backend, APPLICATION]).fetchall()
    except psycopg.Error as error:
        logger.warning("a consumer that holds partitions can't be terminated", extra={"reason": type(error).__name__})
        return
    if ended:
        logger.warning(
            "terminated a consumer's transaction that held partitions", extra={"backends": [pid for pid, _ in ended]}
        )
