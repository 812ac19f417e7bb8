"""PostgreSQL as readers use it: bounded in time whatever the server does, and one kind of error."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from django.db import connection

from processing.failures import POSTGRESQL_AWAY

# Seconds for everything that one request reads. A frozen server honours no statement_timeout, and its kernel
# still acknowledges TCP, so that no TCP timeout ends it either.
READ_TIMEOUT = 3.0


class StoreUnavailable(Exception):
    """PostgreSQL is absent, frozen or too slow; answer 503, the same request may do later."""


@contextmanager
def bounded(seconds: float = READ_TIMEOUT) -> Iterator[None]:
    """Read within; past `seconds` the connection is cut, which ends the query that hangs on it.

    :raises StoreUnavailable: no connection, a lost one, a read-only server, or the time is up
    """
    try:
        _connect()
        with _cut_after(seconds):
            yield
    except POSTGRESQL_AWAY as error:
        # A pool must not hand this connection to the next request.
        connection.close()
        raise StoreUnavailable from error


def _connect() -> None:
    connection.ensure_connection()
    # Idle connections that a restarted server closed; the pool believes in them until one is used.
    while _closed_by_server():
        connection.connection.close()
        connection.close()
        connection.ensure_connection()


def _closed_by_server() -> bool:
    # Looks at the socket instead of asking, which costs nothing and can't hang: nothing is due on an idle one.
    poll = select.poll()
    poll.register(connection.connection.pgconn.socket, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(0))


@contextmanager
def _cut_after(seconds: float) -> Iterator[None]:
    # A duplicate, so that the timer can never hit another socket that got the same number.
    with closing(socket.socket(fileno=os.dup(connection.connection.pgconn.socket))) as line:
        timer = threading.Timer(seconds, _cut, args=(line,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _cut(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It ended in this very moment.
        return
