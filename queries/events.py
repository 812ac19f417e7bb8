"""Pages of stored events, in order of event time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from processing.jsonb import load_payload
from queries import paging, postgres
from queries.event_query import EventCursor, EventQuery
from queries.shapes import EventShape, Page
from queries.times import format_time, from_micros, to_micros

# Rows stored so long before the first page were visible to it, however far the consumer's clock is off.
SETTLED_AFTER = 3_600  # seconds

# A row's xmin is the low half of its transaction's number. Completed to the number that is nearest to the snapshot's
# it is right for two milliard transactions; no hour has so many, and older rows are settled.
WHOLE_NUMBER = "(%s::bigint + ((xmin::text::bigint - %s::bigint + 2147483648) & 4294967295) - 2147483648)"

Value = str | int | datetime | None

COLUMNS = "id, source_id, ts, received, stored, payload, tags"


class EventRow(NamedTuple):
    """A row of the table `events`, the part that is shown; `payload` is still JSON."""

    id: UUID
    source_id: str
    ts: datetime
    received: datetime
    stored: datetime
    payload: str
    tags: list[str] | None


@dataclass(frozen=True, slots=True)
class View:
    """The state of the table that all pages of one list show: that of its first page."""

    visible: str  # pg_snapshot
    settled: int  # microseconds since the epoch


def page(query: EventQuery, *, address: paging.Address) -> Page[EventShape]:
    """Read one page of events.

    Pages that follow each other through `next` show every event that was stored when the first of them was read,
    each once, and none stored later: the cursor carries PostgreSQL's snapshot of the first page. So a commit in
    progress then is not part of the list, whatever time its rows carry, and the clocks of the processes play no
    part.

    :raises StoreUnavailable: PostgreSQL does not answer
    """
    rows, view = _read(query)
    backward = query.cursor is not None and query.cursor.backward
    continued = query.cursor is not None or query.offset > 0
    part = paging.cut(rows, limit=query.limit, backward=backward, continued=continued)
    return paging.page(
        part,
        address=address,
        forward=lambda row: _cursor(row, query, view, backward=False),
        backward=lambda row: _cursor(row, query, view, backward=True),
        shape=event_shape,
    )


def newest(*, count: int) -> list[EventShape]:
    """Give the newest events of all sources, the newest first."""
    rows, _ = _read(EventQuery(limit=count))
    return [event_shape(row) for row in rows[:count]]


def event_shape(row: EventRow) -> EventShape:
    """Lay out one event."""
    return {
        "eventId": str(row.id),
        "sourceId": row.source_id,
        "timestamp": format_time(row.ts),
        "receivedAt": format_time(row.received),
        "storedAt": format_time(row.stored),
        "payload": load_payload(row.payload),
        "tags": row.tags or [],
    }


def _read(query: EventQuery) -> tuple[list[EventRow], View]:
    where, values = _conditions(query)
    backward = query.cursor is not None and query.cursor.backward
    direction = "ASC" if (query.order == "asc") != backward else "DESC"
    # The snapshot is taken in the statement itself, so that it is the very one its rows were read by.
    statement = f"""
        SELECT {COLUMNS}, pg_current_snapshot()::text, extract(epoch FROM now())::bigint FROM events WHERE {where}
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


def _conditions(query: EventQuery) -> tuple[str, list[Value]]:
    parts: list[tuple[str, list[Value]]] = []
    if query.source_id is not None:
        parts.append(("source_id = %s", [query.source_id]))
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
    latest = int(cursor.visible.split(":")[1])
    condition = f"(stored <= %s OR pg_visible_in_snapshot(greatest({WHOLE_NUMBER}, 3)::text::xid8, %s::pg_snapshot))"
    return condition, [from_micros(cursor.settled), latest, latest % 2**32, cursor.visible]


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
