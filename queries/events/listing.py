"""Pages of stored events, in order of event time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from processing.stores.jsonb import load_payload
from queries.events import row_visibility
from queries.events.query import EventCursor, EventQuery
from queries.reads import postgres
from queries.request import pagination
from queries.request.pagination import CursorPage
from queries.request.times import format_time, from_micros, to_micros
from queries.schemas import EventShape

# Rows stored this long before the first page was read were visible to it: both are PostgreSQL's times, and a transaction
# that stores events takes seconds. It covers a server that takes over with its clock somewhat behind.
SETTLED_AFTER = 3_600  # seconds

Value = str | int | datetime | list[str] | None

COLUMNS = "id, source_id, ts, received, stored, payload, tags"


class EventRow(NamedTuple):
    """The columns of a row of the table `events` that the API shows; `payload` is JSON text."""

    id: UUID
    source_id: str
    ts: datetime
    received: datetime
    stored: datetime
    payload: str
    tags: list[str] | None


@dataclass(frozen=True, slots=True)
class View:
    """The state of the table that all pages of one list show: the state when its first page was read."""

    visible: str  # pg_snapshot
    settled: int  # microseconds since the epoch


def page(query: EventQuery, *, scope: ReadScope) -> CursorPage[EventShape]:
    """Read one page of events.

    The pages that `next` leads to show every event that was stored when the first page was read, each once, and
    none that was stored later. The cursor carries PostgreSQL's snapshot of the first page. So the rows of a
    transaction that was in progress then are not part of the list, and the result does not depend on any clock.

    :raises RequestRejected: the query names a source outside the scope
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    rows, view = _read(query, scope.narrowed(query.source_id))
    backward = query.cursor is not None and query.cursor.backward
    continued = query.cursor is not None or query.offset > 0
    part = pagination.cut(rows, limit=query.limit, backward=backward, continued=continued)
    return pagination.page(
        part,
        forward=lambda row: _cursor(row, query, view, backward=False),
        backward=lambda row: _cursor(row, query, view, backward=True),
        shape=event_shape,
    )


def newest(*, count: int, scope: ReadScope) -> list[EventShape]:
    """Return the newest events of all sources in the scope, the newest first."""
    rows, _ = _read(EventQuery(limit=count), scope)
    return [event_shape(row) for row in rows[:count]]


def event_shape(row: EventRow) -> EventShape:
    """Return one event as JSON."""
    return {
        "eventId": str(row.id),
        "sourceId": row.source_id,
        "timestamp": format_time(row.ts),
        "receivedAt": format_time(row.received),
        "storedAt": format_time(row.stored),
        "payload": load_payload(row.payload),
        "tags": row.tags or [],
    }


def _read(query: EventQuery, scope: ReadScope) -> tuple[list[EventRow], View]:
    rows, values = _rows(query, scope)
    direction = _direction(query)
    # The snapshot is taken by the statement itself, so that it is the one by which the rows were read.
    statement = f"""
        SELECT {COLUMNS}, pg_current_snapshot()::text, extract(epoch FROM now())::bigint FROM {rows}
        ORDER BY ts {direction}, source_id {direction}, id {direction} LIMIT %s OFFSET %s
    """  # noqa: S608 - made of constants
    with postgres.bounded(), connection.cursor() as cursor:
        cursor.execute(statement, [*values, query.limit + 1, query.offset])
        found = cursor.fetchall()
    return [EventRow(*row[:-2]) for row in found], _view(query, found)


def _view(query: EventQuery, found: list[tuple[object, ...]]) -> View:
    if query.cursor is not None:
        return View(query.cursor.visible, query.cursor.settled)
    if not found:
        return View("", 0)
    *_, visible, now = found[0]
    assert isinstance(visible, str)
    assert isinstance(now, int)
    return View(visible, (now - SETTLED_AFTER) * 1_000_000)


def _direction(query: EventQuery) -> str:
    backward = query.cursor is not None and query.cursor.backward
    return "ASC" if (query.order == "asc") != backward else "DESC"


def _rows(query: EventQuery, scope: ReadScope) -> tuple[str, list[Value]]:
    """Return what a list selects from, with its values."""
    where, values = _conditions(query)
    if scope.sources is None or len(scope.sources) == 1:
        own, sources = scope.condition()
        return f"events WHERE {own} AND {where}", [*sources, *values]
    # Each source by the index on (source_id, ts, id): the index on `ts` would lead through the events of all others.
    direction = _direction(query)
    each = f"""
        SELECT {COLUMNS} FROM events WHERE source_id = own.source AND {where}
        ORDER BY ts {direction}, id {direction} LIMIT %s
    """  # noqa: S608 - made of constants
    rows = f"unnest(%s::text[]) AS own (source) CROSS JOIN LATERAL ({each}) AS found"
    return rows, [sorted(scope.sources), *values, query.offset + query.limit + 1]


def _conditions(query: EventQuery) -> tuple[str, list[Value]]:
    parts: list[tuple[str, list[Value]]] = []
    if query.start is not None:
        parts.append(("ts >= %s", [query.start]))
    if query.end is not None:
        parts.append(("ts < %s", [query.end]))
    if query.cursor is not None:
        parts += [_beyond(query.cursor), _in_view(query.cursor)]
    values = [value for _, given in parts for value in given]
    return " AND ".join(condition for condition, _ in parts) or "true", values


def _beyond(cursor: EventCursor) -> tuple[str, list[Value]]:
    # `ts` alone again, since the row comparison does not reach the index on `ts` nor prune partitions.
    sign = ">" if (cursor.order == "asc") != cursor.backward else "<"
    ts = from_micros(cursor.ts)
    condition = f"ts {sign}= %s AND (ts, source_id, id) {sign} (%s, %s, %s::uuid)"
    return condition, [ts, ts, cursor.source_id, cursor.id]


def _in_view(cursor: EventCursor) -> tuple[str, list[Value]]:
    visible, values = row_visibility.condition(cursor.visible)
    return f"(stored <= %s OR {visible})", [from_micros(cursor.settled), *values]


def _cursor(row: EventRow, query: EventQuery, view: View, *, backward: bool) -> EventCursor:
    return EventCursor(
        backward=backward,
        ts=to_micros(row.ts),
        source_id=row.source_id,
        id=str(row.id),
        visible=view.visible,
        settled=view.settled,
        order=query.order,
        only_source=query.source_id,
        start=None if query.start is None else to_micros(query.start),
        end=None if query.end is None else to_micros(query.end),
    )
