"""The sources whose rate changed most within the last half hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypedDict

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from queries.reads import cache, postgres

NOW_MINUTES, BEFORE_MINUTES = 5, 25
KEPT_FOR = 10.0  # seconds
LEAST_EVENTS = 10  # in both spans together, below which a change is chance
_CHANGES = """
SELECT source_id, now_read / %(now)s::float8 / 60, before_read / %(before)s::float8 / 60
FROM (SELECT source_id, coalesce(sum(read) FILTER (WHERE minute >= %(middle)s), 0) AS now_read,
        coalesce(sum(read) FILTER (WHERE minute < %(middle)s), 0) AS before_read
    FROM ledger_minute WHERE minute >= %(start)s AND minute < %(end)s AND source_id <> '' AND {own} GROUP BY 1) AS sums
WHERE now_read + before_read >= %(least)s
ORDER BY abs(now_read / %(now)s::float8 - before_read / %(before)s::float8) DESC, source_id LIMIT %(count)s
"""


class Mover(TypedDict):
    """A source and its rates, in events per second."""

    sourceId: str
    perSecond: float  # of the last whole minutes
    before: float  # of the minutes before these


def read(*, scope: ReadScope, now: datetime, count: int) -> list[Mover]:
    """Return the sources with the largest change, the largest first.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    return cache.remembered(
        f"movers.{count}",
        scope=scope,
        shape=list[Mover],
        seconds=KEPT_FOR,
        read=lambda: _read(scope, now, count),
    )


def _read(scope: ReadScope, now: datetime, count: int) -> list[Mover]:
    end = now.replace(second=0, microsecond=0)
    middle = end - timedelta(minutes=NOW_MINUTES)
    own, values = scope.condition()
    named: dict[str, int | datetime | str | list[str] | None] = {
        "now": NOW_MINUTES,
        "before": BEFORE_MINUTES,
        "start": middle - timedelta(minutes=BEFORE_MINUTES),
        "middle": middle,
        "end": end,
        "least": LEAST_EVENTS,
        "count": count,
        "own": values[0] if values else None,
    }
    with postgres.bounded(), connection.cursor() as cursor:
        cursor.execute(_CHANGES.format(own=own.replace("%s", "%(own)s")), named)
        found = cursor.fetchall()
    return [
        {"sourceId": source, "perSecond": round(rate, 3), "before": round(before, 3)}
        for source, rate, before in found
        if rate != before
    ]
