"""One export: a snapshot of events, as pieces of a file."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from datetime import datetime
from typing import Self

from django.conf import settings

from ingestion.auth.read_scope import ReadScope
from queries.events import scan_limits
from queries.export import csv_text, ndjson, parquet, statement
from queries.export.formats import CSV, PARQUET
from queries.export.query import ExportQuery
from queries.export.reading import Block, Reading, Snapshot
from queries.export.slots import Slot
from queries.reads import postgres
from queries.reads.condition import Condition


def of_reader(query: ExportQuery, *, scope: ReadScope, now: datetime, given: object = None) -> Export:
    """Begin an export for a reader, which counts against those that the process may run.

    :raises InvalidParameter: it would look into too many events
    :raises RequestRejected: as many run as may
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    within, served = check(query, scope=scope, now=now)
    slot = Slot()
    try:
        return Export(query, within=within, served=served, given=given, slot=slot)
    except BaseException:
        slot.free()
        raise


def check(query: ExportQuery, *, scope: ReadScope, now: datetime) -> tuple[ReadScope, Condition]:
    """Return the sources of an export, and what it says besides so that an index serves it.

    :raises InvalidParameter: it would look into too many events
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded(postgres.QUERY_SECONDS):
        within = query.selection.within(scope)
        return within, scan_limits.check(query.selection, within, now=now)


class Export:
    """The pieces of an export, each made when it is asked for.

    It is whole when the iterator ends. A piece may raise ReadUnavailable or ExportTimeout instead, and is the last one then.
    Either way everything is freed; who stops before that calls `close`.
    """

    def __init__(
        self,
        query: ExportQuery,
        *,
        within: ReadScope,
        served: Condition,
        given: object = None,
        slot: Slot | None = None,
    ) -> None:
        """Connect.

        :param given: the query, for the manifest
        :param slot: is freed at the end; with one, the export has a limit of time
        :raises ReadUnavailable: PostgreSQL does not answer
        """
        self.rows = 0  # in the pieces so far
        self._query, self._within, self._served, self._given = query, within, served, given
        self._slot = slot
        self._ends_at = time.monotonic() + settings.DATAFLOW_EXPORT_HOURS * 3600 if slot else math.inf
        self._reading = Reading()
        self._pieces = self._render()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            piece = self._reading.step(lambda: next(self._pieces, b""), until=self._ends_at)
        except BaseException:
            self.close()
            raise
        if not piece:
            self.close()
            raise StopIteration
        return piece

    @property
    def waited(self) -> float:
        """Return how many seconds it has waited for PostgreSQL so far."""
        return self._reading.waited

    def cut(self) -> None:
        """End whatever is being read; from any thread."""
        self._reading.cut()

    def close(self) -> None:
        """Free everything; any further time does nothing."""
        self._reading.close()
        self._pieces.close()
        if self._slot is not None:
            self._slot.free()

    def _render(self) -> Generator[bytes]:
        query = self._query
        snapshot = self._reading.begin()
        text = self._reading.prepare(
            lambda connection: statement.copy(
                query, self._within, self._served, connection=connection, micros=query.format is PARQUET
            )
        )
        blocks = self._count(self._reading.blocks(text, width=statement.width(query)))
        if query.format is PARQUET:
            yield from parquet.render(blocks, query.fields)
        elif query.format is CSV:
            yield from csv_text.render(blocks, query.fields, safe=settings.DATAFLOW_CSV_SAFE_CELLS)
        elif query.manifest:
            yield from self._with_manifest(ndjson.render(blocks, query.fields), snapshot)
        else:
            yield from ndjson.render(blocks, query.fields)

    def _with_manifest(self, pieces: Iterator[bytes], snapshot: Snapshot) -> Iterator[bytes]:
        account = ndjson.Account()
        for piece in pieces:
            account.add(piece)
            yield piece
        yield account.line(rows=self.rows, snapshot=snapshot, query=self._given)

    def _count(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            self.rows += len(block)
            yield block
