"""Reads from PostgreSQL with a time limit that holds whatever the server does, and one exception."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from django.db import connection
from psycopg.errors import QueryCanceled

from ingestion.runtime import pooled_connection
from processing.errors import POSTGRESQL_AWAY
from queries.reads.line import Line

# Seconds for all that one request reads. A frozen server ignores statement_timeout, and its kernel still acknowledges
# TCP segments, so no TCP timeout applies either.
READ_TIMEOUT = 3.0
# For what a reader's own query takes: a little more than the statement timeout, which answers first if the server is well.
QUERY_SECONDS = 5.5

_local = threading.local()  # `inside`: whether the thread is in `bounded`


class ReadUnavailable(Exception):
    """PostgreSQL does not answer in time; answer 503, and the client may retry."""


class QueryTimeout(ReadUnavailable):
    """PostgreSQL is well, but the query took longer than the statement timeout; answer 503, and advise to ask for less."""


@contextmanager
def bounded(seconds: float = READ_TIMEOUT) -> Iterator[None]:
    """Limit the reads inside to `seconds`. After that the connection is shut down, which ends the query.

    At the end the connection returns to the pool, so read nothing inside but PostgreSQL. Inside another one it changes
    nothing.

    :raises ReadUnavailable: no connection, a lost one, a read-only server, or the time is up
    :raises QueryTimeout: a statement took too long
    """
    if getattr(_local, "inside", False):
        yield
        return
    _local.inside = True
    try:
        _connect()
        with closing(Line(connection.connection.pgconn.socket)) as line, line.limited(seconds):
            yield
    except POSTGRESQL_AWAY as error:
        # The pool must not give this connection to another request.
        connection.close()
        # A server that is told to stop cancels nothing: it ends connections.
        is_slow = isinstance(error.__cause__, QueryCanceled)
        raise (QueryTimeout if is_slow else ReadUnavailable) from error
    finally:
        _local.inside = False
        pooled_connection.release()


def _connect() -> None:
    connection.ensure_connection()
    # A restarted server closed its idle connections. The pool keeps them until one is used.
    while _closed_by_server():
        connection.connection.close()
        connection.close()
        connection.ensure_connection()


def _closed_by_server() -> bool:
    # Polls the socket instead of sending a query: that is cheap and can't block. An idle connection has no data to read.
    poll = select.poll()
    poll.register(connection.connection.pgconn.socket, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(0))
