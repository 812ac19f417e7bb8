"""Connections to PostgreSQL whose statements a request does not wait for without end, whatever the server does.

`queries.reads.postgres.bounded` limits what our own reads take together. This limits each statement also of what Django does by
itself: sessions, accounts, the admin.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg.abc import PQGen

# A little more than the statement timeout, which answers first if the server is well.
STATEMENT_SECONDS = 5.5

R = TypeVar("R")
_local = threading.local()  # `seconds`: how long a statement of this thread may take


@contextmanager
def limited(seconds: float = STATEMENT_SECONDS) -> Iterator[None]:
    """Limit each statement of this thread inside; after that its connection is closed, and it raises OperationalError."""
    before = _limit()
    _local.seconds = seconds
    try:
        yield
    finally:
        _local.seconds = before


def _limit() -> float | None:
    found: float | None = getattr(_local, "seconds", None)
    return found


class LimitedConnection(psycopg.Connection[tuple[object, ...]]):
    """A connection for the setting `pool`, option `connection_class`."""

    def wait(self, gen: PQGen[R], interval: float = 0.1, timeout: float | None = None) -> R:
        """Wait for the server, as all statements, commits and rollbacks do.

        :raises psycopg.OperationalError: it did not answer in time
        """
        limit = _limit()
        if limit is None or timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, limit)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 - held by a test
            # The answer may still come, and would be taken for that to the next statement.
            self.pgconn.finish()
            raise
