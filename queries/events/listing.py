"""Pages of stored events, in order of event time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import msgspec
from django.db import connection

from ingestion.auth.read_scope import ReadScope
from processing.stores.jsonb import canonical, load_payload
from queries.events import conditions, counts, projection, row_visibility, scan_limits
from queries.events.query import EventCursor, EventQuery, defines_list
from queries.reads import condition, postgres
from queries.reads.condition import TRUE, Argument, Condition
from queries.request import pagination
from queries.request.filter_line.terms import EVERYTHING_PASSES, FilterLine
from queries.request.pagination import Address, CursorPage
from queries.request.selection import Selection
from queries.request.times import as_rfc_3339, from_micros, to_micros
from queries.schemas import EventCount, EventList, EventShape

# Rows stored this long before the first page was read were visible to it: both are PostgreSQL's times, and a transaction
# that stores events takes seconds. It covers a server that takes over with its clock somewhat behind.
SETTLED_AFTER = 3_600  # seconds

# Sources whose lists are merged; of more, the newest events of all are read until there are enough.
MAX_MERGED = 200

MAX_SORTED = timedelta(hours=1)  # of the time of receipt: the longest row of the ledger

COLUMNS = "id, source_id, ts, received, stored, payload, tags"
# Under other names, or the order would be that of the texts.
TEXTS = ", ".join(
    [
        "id::text AS id_text, source_id AS source_text",
        *(f"(({time} AT TIME ZONE 'UTC')::text || '+00') AS {time}_text" for time in ("ts", "received", "stored")),
        "payload::text AS payload_text, tags",
    ]
)


class ListedRow(NamedTuple):
    """The columns of a row of the table `events` that the API shows, as texts: values of Python are made of none of them."""

    id: str
    source_id: str
    ts: str  # as PostgreSQL writes it, in UTC
    received: str
    stored: str
    payload: str
    tags: list[str] | None


class EventPage(NamedTuple):
    """One page of events, and how many there are if that was asked for."""

    page: CursorPage[EventShape]
    total: EventCount | None

    def as_json(self, address: Address) -> EventList:
        """Return the page as JSON, with addresses in place of cursors, which carry what defines the list."""
        found = pagination.as_json(self.page, address.without(defines_list))
        return cast("EventList", {**found, "count": self.total} if self.total else found)


@dataclass(frozen=True, slots=True)
class View:
    """The state of the table that all pages of one list show: the state when its first page was read."""

    visible: str  # pg_snapshot
    settled: int  # microseconds since the epoch


def page(query: EventQuery, within: ReadScope, *, now: datetime) -> EventPage:
    """Read one page of events.

    The pages that `next` leads to show every event that was stored when the first page was read, each once, and
    none that was stored later. The cursor carries PostgreSQL's snapshot of the first page. So the rows of a
    transaction that was in progress then are not part of the list, and the result does not depend on any clock.

    :param within: its sources (Selection.within)
    :raises InvalidParameter: the query would look into too many events
    :raises ReadUnavailable: PostgreSQL does not answer
    :raises QueryTimeout: it takes too long
    """
    with postgres.bounded(postgres.QUERY_SECONDS):
        served = scan_limits.check(query.selection, within, now=now)
        rows, view = _read(query, within, served)
        count = counts.read(query, within, served)
    backward = query.cursor is not None and query.cursor.backward
    continued = query.cursor is not None or query.offset > 0
    part = pagination.cut(rows, limit=query.limit, backward=backward, continued=continued)
    found = pagination.page(
        part,
        forward=lambda row: _cursor(row, query, view, backward=False),
        backward=lambda row: _cursor(row, query, view, backward=True),
        shape=lambda row: listed(row, _payload(row, query.fields)),
    )
    return EventPage(found, count)


def newest(
    *, count: int, scope: ReadScope, line: FilterLine = EVERYTHING_PASSES, since: datetime | None = None
) -> list[EventShape]:
    """Return the newest events in the scope that pass a filter, the newest first.

    :param since: none of before, by event time
    :raises InvalidParameter: the filter's patterns stand for too many sources
    :raises ReadUnavailable: PostgreSQL does not answer, or finds too few in time
    """
    selection = Selection(line=line, start=since)
    with postgres.bounded():
        rows, _ = _read(EventQuery(selection=selection, limit=count), selection.within(scope), TRUE)
    return [listed(row, load_payload(row.payload)) for row in rows[:count]]


def _payload(row: ListedRow, fields: Sequence[tuple[str, ...]] | None) -> Any:
    """Return the payload's own text as JSON, or these fields of it."""
    if fields is None:
        return msgspec.Raw(canonical(row.payload).encode())
    return projection.of(load_payload(row.payload), fields)


def listed(row: ListedRow, payload: Any) -> EventShape:
    """Return one event as JSON."""
    return {
        "eventId": row.id,
        "sourceId": row.source_id,
        "timestamp": as_rfc_3339(row.ts),
        "receivedAt": as_rfc_3339(row.received),
        "storedAt": as_rfc_3339(row.stored),
        "payload": payload,
        "tags": row.tags or [],
    }


def _read(query: EventQuery, within: ReadScope, served: Condition) -> tuple[list[ListedRow], View]:
    rows, values = _rows(query, within, served)
    direction = _direction(query)
    # The snapshot is taken by the statement itself, so that it is the one by which the rows were read.
    statement = f"""
        SELECT {TEXTS}, pg_current_snapshot()::text, extract(epoch FROM now())::bigint FROM {rows}
        ORDER BY ts {direction}, source_id {direction}, id {direction} LIMIT %s OFFSET %s
    """  # noqa: S608 - made of constants
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, query.limit + 1, query.offset])
        found = cursor.fetchall()
    return [ListedRow(*row[:-2]) for row in found], _view(query, found)


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


def _rows(query: EventQuery, within: ReadScope, served: Condition) -> tuple[str, list[Argument]]:
    """Return what a list selects from, with its values."""
    where = condition.all_of(conditions.of(query.selection), served, _continued(query))
    if within.sources is None or not 1 < len(within.sources) <= MAX_MERGED:
        own = condition.all_of(condition.of_scope(within), where)
        if _is_received_shortly(query.selection):
            # Without OFFSET the planner would look for them by event time, through all that was received at other times.
            return f"(SELECT {COLUMNS} FROM events WHERE {own.text} OFFSET 0) AS found", own.values  # noqa: S608
        return f"events WHERE {own.text}", own.values
    # Each source by the index on (source_id, ts, id): the index on `ts` would lead through the events of all others.
    direction = _direction(query)
    each = f"""
        SELECT {COLUMNS} FROM events WHERE source_id = own.source AND {where.text}
        ORDER BY ts {direction}, id {direction} LIMIT %s
    """  # noqa: S608 - made of constants
    rows = f"unnest(%s::text[]) AS own (source) CROSS JOIN LATERAL ({each}) AS found"
    return rows, [sorted(within.sources), *where.values, query.offset + query.limit + 1]


def _is_received_shortly(selection: Selection) -> bool:
    """Return whether the events were received within a span so short that all of them may be sorted."""
    start, end = selection.received_start, selection.received_end
    return start is not None and end is not None and end - start <= MAX_SORTED


def _continued(query: EventQuery) -> Condition:
    if query.cursor is None:
        return TRUE
    return condition.all_of(_beyond(query.cursor, ascending=query.order == "asc"), _in_view(query.cursor))


def _beyond(cursor: EventCursor, *, ascending: bool) -> Condition:
    # `ts` alone again, since the row comparison does not reach the index on `ts` nor prune partitions.
    sign = ">" if ascending != cursor.backward else "<"
    ts = from_micros(cursor.ts)
    condition = f"ts {sign}= %s AND (ts, source_id, id) {sign} (%s, %s, %s::uuid)"
    return Condition(condition, [ts, ts, cursor.source_id, cursor.id])


def _in_view(cursor: EventCursor) -> Condition:
    visible, values = row_visibility.condition(cursor.visible)
    return Condition(f"(stored <= %s OR {visible})", [from_micros(cursor.settled), *values])


def _cursor(row: ListedRow, query: EventQuery, view: View, *, backward: bool) -> EventCursor:
    return EventCursor(
        backward=backward,
        ts=to_micros(datetime.fromisoformat(row.ts)),
        source_id=row.source_id,
        id=row.id,
        visible=view.visible,
        settled=view.settled,
        list=query.given,
    )
