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
MOST_SOURCES = 20  # named of a group
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
_COLUMNS = ("id", "reason", "stage", "pointer", "source_id", "fingerprint", "state", "first_seen", "last_seen")
_CAUSE = "reason, stage, pointer"
_GROUPS = """,
bars AS (
    SELECT {cause}, jsonb_object_agg(bar, letters) AS bars FROM (
        SELECT {cause}, (extract(epoch FROM first_seen)::bigint - %s) / %s AS bar, count(*) AS letters
        FROM newest WHERE first_seen >= to_timestamp(%s) GROUP BY {cause}, bar
    ) AS counted GROUP BY {cause}
), states AS (
    SELECT {cause}, jsonb_object_agg(state, letters) AS states FROM (
        SELECT {cause}, state, count(*) AS letters FROM newest GROUP BY {cause}, state
    ) AS counted GROUP BY {cause}
), owns AS (
    SELECT {cause}, source_id, fingerprint, count(*) AS letters, min(first_seen) AS first_seen,
        max(last_seen) AS last_seen, max(id) AS newest,
        row_number() OVER (PARTITION BY {cause} ORDER BY count(*) DESC, source_id, fingerprint) AS place
    FROM newest GROUP BY {cause}, source_id, fingerprint
), heads AS (
    SELECT {cause}, sum(letters)::bigint AS count, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
        max(newest) AS newest, count(*) AS parts,
        jsonb_agg(jsonb_build_array(source_id, fingerprint, letters) ORDER BY place) FILTER (WHERE place <= %s) AS sources
    FROM owns GROUP BY {cause} ORDER BY {order} LIMIT %s
)
SELECT h.*, d.detail, d.source_id, d.fingerprint, s.states, b.bars, (SELECT count(*) FROM newest) AS counted
FROM heads h JOIN states s USING ({cause}) LEFT JOIN bars b USING ({cause})
JOIN dead_letter d ON d.id = h.newest
ORDER BY {order}
"""
_FACET = "(SELECT '{name}' AS name, {name} AS value, count(*) AS count FROM newest GROUP BY 2 ORDER BY count DESC, value LIMIT %s)"


# Of Django: rows as mappings.
_Values = QuerySet[DeadLetter, dict[str, Any]]


class Bars(TypedDict):
    """How many letters were first seen in each part of a span, oldest first."""

    start: str
    width: int  # seconds of each
    counts: list[int]


class GroupSource(TypedDict):
    """The letters of one source in a group; they share a fingerprint."""

    sourceId: str | None  # None: it can't be read
    fingerprint: str
    count: int


class Group(TypedDict):
    """Dead letters with the same cause, of any source: reason, stage and place in what was sent."""

    fingerprint: str  # of the newest
    reason: str
    meaning: str  # the reason in words
    detail: str  # of the newest
    pointer: str
    stage: str
    sourceId: str | None  # of the newest
    sources: list[GroupSource]  # those with the most letters first
    moreSources: int  # that are not named
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
    statement = _GROUPS.format(order=ORDERS[query.order], cause=_CAUSE)
    with postgres.bounded():
        found = _over_newest(
            statement,
            [start, seconds, start, MOST_SOURCES, MOST_GROUPS + 1],
            query.rows().values(*_COLUMNS),
            scope=scope,
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
        # Those that do not filter are counted over the same letters.
        free = [name for name in FACETS if getattr(query.selection, name) is None]
        found = _counts(free, query.rows(), scope=scope)
        for name in FACETS:
            if name not in free:
                found |= _counts([name], query.rows(leave_out=name), scope=scope)
    return {name: found[name] for name in FACETS}


def _counts(names: Sequence[str], letters: QuerySet[DeadLetter], *, scope: ReadScope) -> dict[str, list[Facet]]:
    """Return the most frequent values of some facets over the newest of these letters."""
    found: dict[str, list[Facet]] = {name: [] for name in names}
    if not names:
        return found
    statement = " UNION ALL ".join(_FACET.format(name=name) for name in names)
    for row in _over_newest(statement, [MOST_VALUES] * len(names), letters.values(*names), scope=scope):
        found[row["name"]].append({"value": row["value"], "count": row["count"]})
    return found


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
        "sources": [
            {"sourceId": source or None, "fingerprint": fingerprint, "count": count}
            for source, fingerprint, count in json.loads(row["sources"])
        ],
        "moreSources": max(0, row["parts"] - MOST_SOURCES),
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
