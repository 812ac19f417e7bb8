"""The list of sources with how they are: searched, filtered, in several orders, page by page."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple, Self, cast, get_args

import msgspec
from django.db import connection

from ingestion.auth.read_scope import ReadScope
from queries.reads import postgres
from queries.request import pagination
from queries.request.query_params import Parameters
from queries.sources.health import index, rows
from queries.sources.health.index import Facet, Index, Judged
from queries.sources.health.rows import SourceHealth
from queries.sources.health.state import STATES, State

PARAMETERS = ("q", "state", "label", "sort", "limit", "cursor")
Sort = Literal["worst", "name", "seen"]
SORTS: tuple[Sort, ...] = get_args(Sort)

Key = tuple[float, str]


class HealthCursor(msgspec.Struct, array_like=True, frozen=True):
    """A position in a list: the key of the row to continue from."""

    backward: bool
    number: float
    source_id: str
    sort: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthQuery:
    """Which sources to list, and which page of them."""

    part: str = ""  # of the ids
    state: State | None = None
    label: tuple[str, str] | None = None  # name and value
    sort: Sort = "worst"
    limit: int = pagination.DEFAULT_LIMIT
    cursor: HealthCursor | None = None

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters.

        :raises InvalidParameter: a value can't be used
        """
        name, _, value = (parameters.text("label") or "").partition(":")
        query = cls(
            part=(parameters.text("q") or "").strip().lower(),
            state=cast("State | None", parameters.choice("state", STATES)),
            label=(name, value) if name else None,
            sort=cast("Sort", parameters.choice("sort", SORTS, default="worst")),
            limit=pagination.limit(parameters),
        )
        found = pagination.cursor(parameters, HealthCursor)
        # Of another order it tells no place in this one.
        return query if found is None or found.sort != query.sort else replace(query, cursor=found)


class HealthPage(NamedTuple):
    """One page of the list. The counts are of the search and the label, whichever state is chosen."""

    at: datetime
    counts: Counter[State]
    labels: Sequence[Facet]
    results: list[SourceHealth]
    next: str | None
    previous: str | None


def page(query: HealthQuery, *, scope: ReadScope, now: datetime) -> HealthPage:
    """Read one page.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    found = index.read(scope=scope, now=now)
    among = _matching(found, query, scope)
    counts = found.counts if among is found.sources else Counter(each.state for each in among)
    wanted = among if query.state is None else [each for each in among if each.state == query.state]
    keyed = [(_key(each, query.sort), each) for each in wanted]
    if query.sort != "worst":
        keyed.sort()
    part = _cut(keyed, query)
    shown = pagination.page(
        part,
        forward=lambda row: _cursor(row[0], query.sort, backward=False),
        backward=lambda row: _cursor(row[0], query.sort, backward=True),
        shape=lambda row: row[1],
    )
    return HealthPage(
        found.at, counts, found.labels, rows.of(shown.results, scope=scope, now=now), shown.next, shown.previous
    )


def _matching(found: Index, query: HealthQuery, scope: ReadScope) -> Sequence[Judged]:
    among = found.sources
    if query.label is not None:
        labelled = _labelled(query.label, scope)
        among = [each for each in among if each.source_id in labelled]
    if query.part:
        among = [each for each in among if query.part in each.source_id.lower()]
    return among


def _labelled(label: tuple[str, str], scope: ReadScope) -> frozenset[str]:
    """Return the sources with a label: of all if its value is empty."""
    own, values = scope.condition()
    name, value = label
    wanted = "labels ->> %s = %s" if value else "labels ? %s"
    given = [name, value] if value else [name]
    with postgres.bounded(), connection.cursor() as cursor:
        cursor.execute(f"SELECT source_id FROM source WHERE {wanted} AND {own}", [*given, *values])  # noqa: S608
        return frozenset(source for (source,) in cursor.fetchall())


def _key(each: Judged, sort: Sort) -> Key:
    if sort == "worst":
        return float(each.rank), each.source_id
    if sort == "seen":
        return -(each.facts.last_seen or 0.0), each.source_id
    return 0.0, each.source_id


def _cut(keyed: Sequence[tuple[Key, Judged]], query: HealthQuery) -> pagination.Slice[tuple[Key, Judged]]:
    cursor = query.cursor
    if cursor is None:
        return pagination.cut(list(keyed[: query.limit + 1]), limit=query.limit, backward=False, continued=False)
    keys = [key for key, _ in keyed]
    at = (cursor.number, cursor.source_id)
    if not cursor.backward:
        first = bisect_right(keys, at)
        return pagination.cut(
            list(keyed[first : first + query.limit + 1]), limit=query.limit, backward=False, continued=True
        )
    last = bisect_left(keys, at)
    before = list(keyed[max(0, last - query.limit - 1) : last])[::-1]
    return pagination.cut(before, limit=query.limit, backward=True, continued=True)


def _cursor(key: Key, sort: Sort, *, backward: bool) -> HealthCursor:
    return HealthCursor(backward, key[0], key[1], sort)
