"""Which series an answer has: pages of sources and fields, and the span of time that has any of their events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from ingestion.events.timestamps import EPOCH
from queries.aggregates.query import AggregateQuery
from queries.reads import condition
from queries.reads.condition import Condition

# Past this number, the events of all sources say from when to when the events of some are.
_MOST_SPANNED = 200
_AHEAD = timedelta(days=2)  # no event is later


class Series(NamedTuple):
    """A series by what it has of its own; what it has not is empty."""

    source_id: str
    field: str


class SeriesPage(NamedTuple):
    """Series in order, and whether more follow."""

    series: Sequence[Series]
    more: bool


def page(query: AggregateQuery, within: ReadScope, *, size: int) -> SeriesPage:
    """Return the next series of a query, whether or not they have anything in its range."""
    columns = [name if part in query.groups else "''" for name, part in (("source_id", "source"), ("field", "field"))]
    own = condition.of_scope(within)
    known, values = _known(query)
    after = query.cursor
    beyond = Condition("(s, f) > (%s, %s)", [after.source_id, after.field]) if after else condition.TRUE
    statement = f"""
        SELECT s, f FROM (SELECT DISTINCT {columns[0]} AS s, {columns[1]} AS f FROM {known} WHERE {own.text}) AS series
        WHERE {beyond.text} ORDER BY s, f LIMIT %s
    """  # noqa: S608 - made of constants
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, *own.values, *beyond.values, size + 1])
        found = [Series(*row) for row in cursor.fetchall()]
    return SeriesPage(found[:size], len(found) > size)


def _known(query: AggregateQuery) -> tuple[str, list[condition.Argument]]:
    if query.fields is None:
        return "latest_value", []
    if query.from_rows:
        # Rows have fields that are not rolled up, too.
        return "(SELECT source_id, field FROM source_statistics, unnest(%s::text[]) AS f (field)) AS k", [
            [*query.fields]
        ]
    return "(SELECT source_id, field FROM latest_value WHERE field = ANY(%s)) AS k", [[*query.fields]]


def span(query: AggregateQuery, within: ReadScope, *, now: datetime) -> tuple[datetime, datetime] | None:
    """Return the range of a query; where it leaves a side open, up to the first or last event of its sources.

    :return: None: nothing can be in it
    """
    start, end = query.selection.start, query.selection.end
    if start is None or end is None:
        first, last = _extent(within)
        if first is None or last is None:
            return None
        start, end = start or first, end or last + timedelta(microseconds=1)
    start, end = clamped(start, end, now=now)
    return (start, end) if start < end else None


def clamped(start: datetime, end: datetime, *, now: datetime) -> tuple[datetime, datetime]:
    """Return the part of a range in which events can be; if the end is not after the start, none can."""
    return max(start, EPOCH), min(end, now + _AHEAD)


def _extent(within: ReadScope) -> tuple[datetime | None, datetime | None]:
    """Return the times of the first and the last event."""
    sources = within.sources
    if sources is not None and len(sources) <= _MOST_SPANNED:
        # Each by the key of the table.
        statement = """
            SELECT min(each.first), max(each.last) FROM unnest(%s::text[]) AS own (source)
            CROSS JOIN LATERAL (SELECT min(ts) AS first, max(ts) AS last FROM events WHERE source_id = own.source) AS each
        """
        values: list[condition.Argument] = [sorted(sources)]
    else:
        statement, values = "SELECT min(ts), max(ts) FROM events", []
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        first, last = cursor.fetchone() or (None, None)
    return first, last
