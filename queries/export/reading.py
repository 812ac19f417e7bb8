"""Reads the rows of an export from one snapshot, over a connection of its own, block by block."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
from psycopg import pq, sql
from psycopg.pq.abc import PGresult

from ingestion.events.timestamps import DIGITS_TO_ZERO
from processing.stores import jsonb, postgres
from queries.export.statement import COLUMNS
from queries.reads.line import Line
from queries.reads.postgres import ReadUnavailable

APPLICATION = "dataflow-export"
# Seconds in which PostgreSQL has to come up with the next piece. It may look through many events to find some.
STEP_SECONDS = 30.0
BLOCK = 256 * 1024  # bytes of rows that are rendered at once; some 1,000 events

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_LIMITS = {
    # One statement is the whole export. What takes too long is found here, piece by piece.
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "5s",
    # An export is no reason to take the cores from everybody else.
    "max_parallel_workers_per_gather": "0",
    "datestyle": "ISO",
}
_SNAPSHOT = """
    SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), pg_current_snapshot()::text
"""
_LONG_NUMBER = b"0" * jsonb.LONG


class ExportTimeout(Exception):
    """PostgreSQL is too slow, or the whole export took too long. Answer 503, and advise to ask for less."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows: the texts of the columns of statement.COLUMNS, then of the payload or its fields. An empty one is NULL."""

    cells: list[str]  # row by row
    width: int

    def __len__(self) -> int:
        return len(self.cells) // self.width

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Return the rows."""
        return zip(*[iter(self.cells)] * self.width, strict=True)

    def columns(self) -> Iterator[list[str]]:
        """Return the columns."""
        return (self.cells[number :: self.width] for number in range(self.width))


class Snapshot(NamedTuple):
    """The state of the table that an export shows."""

    at: str  # RFC 3339
    name: str  # pg_snapshot


class Reading:
    """A transaction that reads one snapshot. Outside the pool, since it lasts for as long as the client takes.

    The rows come by COPY: PostgreSQL sends them as they are read, and no faster. A cursor would count rows where memory
    counts bytes, and one event may have 256 KiB.
    """

    def __init__(self) -> None:
        """:raises ReadUnavailable: PostgreSQL does not answer"""
        self.waited = 0.0  # seconds for PostgreSQL, since it was connected
        try:
            self._connection = postgres.connect(application=APPLICATION, options="")
        except psycopg.Error as error:
            raise ReadUnavailable from error
        self._line = Line(self._connection.pgconn.socket)

    def begin(self) -> Snapshot:
        """Take the snapshot."""
        with self._waiting(), self._connection.cursor() as cursor:
            cursor.execute(sql.SQL(_BEGIN))
            postgres.limit(cursor, **_LIMITS)
            row = cursor.execute(_SNAPSHOT).fetchone()
        assert row is not None
        return Snapshot(*row)

    def prepare(self, statement: Callable[[psycopg.Connection], str]) -> str:
        """Return a statement that is made in the transaction."""
        with self._waiting():
            return statement(self._connection)

    def blocks(self, statement: str, *, width: int) -> Iterator[Block]:
        """Yield the rows that a COPY gives.

        :param width: how many columns it has
        """
        rows: list[bytes | memoryview] = []
        size = 0
        for row in self._copied(statement):
            rows.append(row)
            size += len(row)
            if size >= BLOCK:
                yield _parse(b"".join(rows), width)
                rows, size = [], 0
        if rows:
            yield _parse(b"".join(rows), width)

    def _copied(self, statement: str) -> Iterator[bytes | memoryview]:
        # As psycopg's `copy` reads, in two thirds of its time.
        server = self._connection.pgconn
        with self._waiting():
            begun = server.exec_(statement.encode())
        _check(begun, pq.ExecStatus.COPY_OUT)
        readable = select.poll()
        readable.register(server.socket, select.POLLIN)
        get = server.get_copy_data
        while True:
            size, row = get(1)
            if size > 0:
                yield row
            elif size == 0:
                asked = time.perf_counter()
                readable.poll()
                self.waited += time.perf_counter() - asked
                server.consume_input()
            else:
                break
        _check(server.get_result(), pq.ExecStatus.COMMAND_OK)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        asked = time.perf_counter()
        try:
            yield
        finally:
            self.waited += time.perf_counter() - asked

    def step(self, step: Callable[[], bytes], *, until: float) -> bytes:
        """Return what a step gives.

        :param until: when the whole export has to be at its end, by time.monotonic()

        :raises ExportTimeout: it took too long
        :raises ReadUnavailable: PostgreSQL does not answer, or ended the export
        """
        left = until - time.monotonic()
        if left <= 0:
            raise ExportTimeout
        try:
            with self._line.limited(min(STEP_SECONDS, left)):
                return step()
        except psycopg.Error as error:
            raise (ExportTimeout if self._line.is_late else ReadUnavailable) from error

    def cut(self) -> None:
        """End whatever is being read; from any thread."""
        self._line.cut()

    def close(self) -> None:
        """Close the connection. PostgreSQL ends the transaction, in whatever state it is."""
        self._line.cut()
        with suppress(psycopg.Error):
            self._connection.close()
        self._line.close()


def _check(result: PGresult | None, expected: pq.ExecStatus) -> None:
    """:raises psycopg.Error: the statement failed"""
    assert result is not None
    if result.status != expected:
        raise psycopg.errors.error_from_result(result)


def _parse(data: bytes, width: int) -> Block:
    """Return the rows of COPY's text.

    JSON, ids and times have no characters that it escapes, except for backslashes, which it doubles.
    """
    text = data.decode()
    if "\\" in text:
        text = text.replace("\\\\", "\\")
    cells = text.replace("\n", "\t").split("\t")
    # Behind the last line.
    cells.pop()
    if _LONG_NUMBER in data.translate(DIGITS_TO_ZERO):
        for number in range(len(COLUMNS), width):
            cells[number::width] = [jsonb.canonical(cell) if cell else cell for cell in cells[number::width]]
    return Block(cells, width)
