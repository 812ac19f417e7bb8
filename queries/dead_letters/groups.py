"""Groups of dead letters with the same cause: how many in each state, since when, and how they came in; and their facets.

Both are counted over the newest letters that match, at most MOST_COUNTED, in one statement each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from ingestion.auth.read_scope import ReadScope
from ingestion.events.timestamps import from_micros, to_text
from ingestion.problems import in_words
from processing.dead_letters.filters import LetterFilter
from processing.models import DeadLetter
from queries.reads import postgres

MOST_COUNTED = 50_000  # letters; of more a page says that the newest are counted
MOST_GROUPS = 200
MOST_VALUES = 12  # of a facet

Span = Literal["hour", "day", "week"]
# Length of a chart, and of each of its bars.
SPANS: Mapping[Span, tuple[timedelta, timedelta]] = {
    "hour": (timedelta(hours=1), timedelta(minutes=1)),
    "day": (timedelta(days=1), timedelta(hours=1)),
    "week": (timedelta(days=7), timedelta(hours=6)),
}
# Members of LetterFilter that one can choose from.
FACETS = ("reason", "source_id", "stage")
# What groups can be in the order of.
Order = Literal["newest", "count"]
ORDERS: Mapping[Order, str] = {"newest": "newest DESC", "count": "count DESC, newest DESC"}

# Read of each letter; what its group shares is read of the newest alone.
_COLUMNS = ("id", "fingerprint", "state", "first_seen", "last_seen")
_GROUPS = """,
bars AS (
    SELECT fingerprint, jsonb_object_agg(bar, letters) AS bars FROM (
        SELECT fingerprint, (extract(epoch FROM first_seen)::bigint - %s) / %s AS bar, count(*) AS letters
        FROM newest WHERE first_seen >= to_timestamp(%s) GROUP BY 1, 2
    ) AS counted GROUP BY 1
), states AS (
    SELECT fingerprint, jsonb_object_agg(state, letters) AS states FROM (
        SELECT fingerprint, state, count(*) AS letters FROM newest GROUP BY 1, 2
    ) AS counted GROUP BY 1
), heads AS (
    SELECT fingerprint, count(*) AS count, min(first_seen) AS first_seen, max(last_seen) AS last_seen, max(id) AS newest
    FROM newest GROUP BY 1 ORDER BY {order} LIMIT %s
)
SELECT h.*, d.reason, d.detail, d.pointer, d.stage, d.source_id, s.states, b.bars, (SELECT count(*) FROM newest) AS counted
FROM heads h JOIN states s USING (fingerprint) LEFT JOIN bars b USING (fingerprint)
JOIN dead_letter d ON d.id = h.newest
ORDER BY {order}
"""
_FACET = " FROM newest GROUP BY 1 ORDER BY count DESC, value LIMIT %s"


# Of Django: rows as mappings.
_Values = QuerySet[DeadLetter, dict[str, Any]]


class Bars(TypedDict):
    """How many letters were first seen in each part of a span, oldest first."""

    start: str
    width: int  # seconds of each
    counts: list[int]


class Group(TypedDict):
    """Dead letters with the same fingerprint: reason, place, stage and source."""

    fingerprint: str
    reason: str
    meaning: str  # the reason in words
    detail: str  # of the newest
    pointer: str
    stage: str
    sourceId: str | None
    count: int
    states: dict[str, int]
    firstSeen: str
    lastSeen: str
    newest: int  # number of the newest letter
    bars: Bars


class Groups(TypedDict):
    """The groups in the order that was asked for."""

    groups: list[Group]
    more: bool  # there are further groups
    counted: int  # letters in all groups
    complete: bool  # all letters that match were counted, not only the newest


class Facet(TypedDict):
    """One value that letters can be filtered by."""

    value: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupQuery:
    """Which letters to group."""

    selection: LetterFilter
    span: Span = "day"
    order: Order = "newest"

    def rows(self, *, leave_out: str | None = None) -> QuerySet[DeadLetter]:
        """Return the letters of all readers.

        :param leave_out: the member of LetterFilter that does not filter
        """
        selection = self.selection if leave_out is None else self.selection.without(leave_out)
        return selection.query()


def read(query: GroupQuery, *, scope: ReadScope, now: datetime) -> Groups:
    """Return the groups.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    length, width = SPANS[query.span]
    seconds = int(width.total_seconds())
    # Whole bars, of which the last holds the present.
    end = (int(now.timestamp()) // seconds + 1) * seconds
    start = end - int(length.total_seconds())
    statement = _GROUPS.format(order=ORDERS[query.order])
    with postgres.bounded():
        found = _over_newest(
            statement, [start, seconds, start, MOST_GROUPS + 1], query.rows().values(*_COLUMNS), scope=scope
        )
    bars = int(length / width)
    groups = [_group(row, start=start, width=seconds, bars=bars) for row in found[:MOST_GROUPS]]
    counted = found[0]["counted"] if found else 0
    return {
        "groups": groups,
        "more": len(found) > MOST_GROUPS,
        "counted": counted,
        "complete": counted < MOST_COUNTED,
    }


def facets(query: GroupQuery, *, scope: ReadScope) -> dict[str, list[Facet]]:
    """Return the most frequent values of each facet among the letters that the other filters leave.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        return {name: _facet(name, query, scope=scope) for name in FACETS}


def _facet(name: str, query: GroupQuery, *, scope: ReadScope) -> list[Facet]:
    letters = query.rows(leave_out=name).values(name)
    found = _over_newest(f"SELECT {name} AS value, count(*) AS count{_FACET}", [MOST_VALUES], letters, scope=scope)
    return [{"value": row["value"], "count": row["count"]} for row in found]


def _over_newest(statement: str, values: Sequence[int], letters: _Values, *, scope: ReadScope) -> list[dict[str, Any]]:
    """Run a statement over the newest of these letters in the scope, which it calls `newest`."""
    try:
        inner, given = letters.filter(**scope.lookup()).order_by("-id")[:MOST_COUNTED].query.sql_with_params()
    except EmptyResultSet:
        # Of a reader of no source.
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"WITH newest AS MATERIALIZED ({inner}) {statement}", [*given, *values])
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _group(row: Mapping[str, Any], *, start: int, width: int, bars: int) -> Group:
    counts: Mapping[str, int] = json.loads(row["bars"] or "{}")
    return {
        "fingerprint": row["fingerprint"],
        "reason": row["reason"],
        "meaning": in_words(row["reason"]),
        "detail": row["detail"],
        "pointer": row["pointer"],
        "stage": row["stage"],
        "sourceId": row["source_id"] or None,
        "count": row["count"],
        "states": json.loads(row["states"]),
        "firstSeen": to_text(row["first_seen"]),
        "lastSeen": to_text(row["last_seen"]),
        "newest": row["newest"],
        "bars": {
            "start": to_text(from_micros(start * 1_000_000)),
            "width": width,
            "counts": [counts.get(str(place), 0) for place in range(bars)],
        },
    }
