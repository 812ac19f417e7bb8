"""Lists of sources: pages in several orders, and those that sent last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import BigIntegerField, Func, Max, Q, QuerySet, Value
from django.db.models.functions import Lower

from ingestion.auth.read_scope import ReadScope
from processing.models import SourceStatistics
from queries.reads import cache, postgres
from queries.request import pagination
from queries.request.pagination import CursorPage
from queries.request.times import from_micros, to_micros
from queries.schemas import ListedSource, SourceShape
from queries.sources import activity, shapes
from queries.sources.activity import Hours
from queries.sources.query import Sort, SourceCursor, SourceQuery, SourceSelection

KEPT_FOR = 1.0  # seconds

# The columns of the orders, after which the source id decides.
_COLUMNS: Mapping[Sort, str] = {"last_seen": "last_seen", "events": "stored"}


def page(query: SourceQuery, *, scope: ReadScope, now: datetime) -> CursorPage[ListedSource]:
    """Read one page of the sources in the scope.

    In order of source id the pages have each source once. By what grows, a source that sends while they are read may be
    left out, and in ascending order it may come twice; the list ends all the same.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    backward = query.cursor is not None and query.cursor.backward
    with postgres.bounded():
        rows = _ordered(_listed(query.list, scope), query)
        found = list(rows[query.offset : query.offset + query.limit + 1])
        continued = query.cursor is not None or query.offset > 0
        part = pagination.cut(found, limit=query.limit, backward=backward, continued=continued)
        sources = shapes.of(part.rows, scope=scope)
        most = _most(query, scope) if part.after or part.before else None
    listed = {source["sourceId"]: source for source in with_activity(sources, scope=scope, now=now)}
    return pagination.page(
        part,
        forward=lambda row: _cursor(row, query, most, backward=False),
        backward=lambda row: _cursor(row, query, most, backward=True),
        shape=lambda row: listed[row.source_id],
    )


def recent(*, count: int, scope: ReadScope) -> list[SourceShape]:
    """Return the sources in the scope that sent events most recently, the latest first.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    return cache.remembered(
        f"sources.recent.{count}",
        scope=scope,
        shape=list[SourceShape],
        seconds=KEPT_FOR,
        read=lambda: _recent(count, scope),
    )


def heard(scope: ReadScope) -> QuerySet[SourceStatistics]:
    """Return the sources in the scope, without the lines whose source can't be read."""
    return SourceStatistics.objects.filter(**scope.lookup()).exclude(source_id="")


def with_activity(sources: Sequence[SourceShape], *, scope: ReadScope, now: datetime) -> list[ListedSource]:
    """Return sources with what they sent lately; call it outside of `postgres.bounded`.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    hours = activity.read([source["sourceId"] for source in sources], scope=scope, now=now)
    return [_active(source, hours[source["sourceId"]]) for source in sources]


def _active(shape: SourceShape, hours: Hours) -> ListedSource:
    return {**shape, "lastHour": hours.last_hour, "lastDay": hours.last_day, "sparkline": hours.counts}


def _recent(count: int, scope: ReadScope) -> list[SourceShape]:
    rows = heard(scope).order_by("-last_seen")
    with postgres.bounded():
        return shapes.of(list(rows[:count]), scope=scope)


def _listed(wanted: SourceSelection, scope: ReadScope) -> QuerySet[SourceStatistics]:
    """Return the sources of a list. A part of an id is looked for in every id: there are at most some 100,000."""
    rows = heard(scope)
    if wanted.q is not None:
        position = Func(Lower("source_id"), Value(wanted.q.lower()), function="strpos", output_field=BigIntegerField())
        rows = rows.alias(position=position).filter(position__gt=0)
    if wanted.last_seen_after is not None:
        rows = rows.filter(last_seen__gte=from_micros(wanted.last_seen_after))
    if wanted.last_seen_before is not None:
        rows = rows.filter(last_seen__lt=from_micros(wanted.last_seen_before))
    return rows


def _ordered(rows: QuerySet[SourceStatistics], query: SourceQuery) -> QuerySet[SourceStatistics]:
    cursor = query.cursor
    ascending = (query.list.order == "asc") != (cursor is not None and cursor.backward)
    column = _COLUMNS.get(query.list.sort)
    keys = ["source_id"] if column is None else [column, "source_id"]
    ordered = rows.order_by(*(keys if ascending else [f"-{key}" for key in keys]))
    return ordered if cursor is None else ordered.filter(_beyond(cursor, column, "gt" if ascending else "lt"))


def _beyond(cursor: SourceCursor, column: str | None, side: str) -> Q:
    later = Q(**{f"source_id__{side}": cursor.source_id})
    if column is None:
        return later
    value = _value(cursor.value, column)
    # The first part is implied by the second; the index can use it.
    beyond = Q(**{f"{column}__{side}e": value}) & (Q(**{f"{column}__{side}": value}) | later)
    return beyond if cursor.most is None else beyond & Q(**{f"{column}__lte": _value(cursor.most, column)})


def _most(query: SourceQuery, scope: ReadScope) -> int | None:
    """Return the largest value of a list that ascends by one that grows, as it was when the first page was read."""
    column = _COLUMNS.get(query.list.sort)
    if query.cursor is not None:
        return query.cursor.most
    if column is None or query.list.order == "desc":
        return None
    found = _listed(query.list, scope).aggregate(most=Max(column))["most"]
    return None if found is None else _number(found)


def _cursor(row: SourceStatistics, query: SourceQuery, most: int | None, *, backward: bool) -> SourceCursor:
    column = _COLUMNS.get(query.list.sort)
    value = 0 if column is None else _number(getattr(row, column))
    return SourceCursor(backward, value, row.source_id, most, query.list)


def _value(number: int, column: str) -> datetime | int:
    return from_micros(number) if column == "last_seen" else number


def _number(value: datetime | int) -> int:
    return to_micros(value) if isinstance(value, datetime) else value
