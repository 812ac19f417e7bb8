"""The rate over a span of up to 30 days, from the ledger: minutes, or older hours, added up to some hundred points."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, TypedDict

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from queries.reads import cache, postgres
from queries.request.times import format_time

Span = Literal["5m", "1h", "6h", "1d", "7d", "30d"]
# Length of the span and of one point. The ledger keeps minutes for two days, and hours then.
SPANS: dict[Span, tuple[timedelta, timedelta]] = {
    "5m": (timedelta(minutes=5), timedelta(minutes=1)),
    "1h": (timedelta(hours=1), timedelta(minutes=1)),
    "6h": (timedelta(hours=6), timedelta(minutes=5)),
    "1d": (timedelta(days=1), timedelta(minutes=15)),
    "7d": (timedelta(days=7), timedelta(hours=1)),
    "30d": (timedelta(days=30), timedelta(hours=6)),
}
KEPT_SHARE = 1 / 60  # of the length of a point
_SUMS = """
SELECT date_bin(make_interval(secs => %s), minute, %s), sum(read)::bigint, sum(stored)::bigint, sum(dead_lettered)::bigint
FROM ledger WHERE minute >= %s AND minute < %s AND {own} GROUP BY 1 ORDER BY 1
"""
_ORIGIN = datetime(2020, 1, 1, tzinfo=UTC)
MIN_ELAPSED = 5.0  # seconds of the running point, before which its rate would be chance


class RateHistory(TypedDict):
    """Events per second by time of receipt, as columns of equal length; a point without events is 0."""

    at: list[str]  # the start of each point
    read: list[float]
    stored: list[float]
    deadLettered: list[float]


def read(span: Span, *, scope: ReadScope, now: datetime) -> RateHistory:
    """Return the rate over a span that ends now, over all sources in the scope.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    _, step = SPANS[span]
    return cache.remembered(
        f"rate.{span}",
        scope=scope,
        shape=RateHistory,
        seconds=max(1.0, KEPT_SHARE * step.total_seconds()),
        read=lambda: _read(span, scope, now),
    )


def _read(span: Span, scope: ReadScope, now: datetime) -> RateHistory:
    length, step = SPANS[span]
    last = now - (now - _ORIGIN) % step
    first = last - length + step
    own, values = scope.condition()
    with postgres.bounded(), connection.cursor() as cursor:
        cursor.execute(_SUMS.format(own=own), [step.total_seconds(), _ORIGIN, first, last + step, *values])
        sums = {start: counts for start, *counts in cursor.fetchall()}
    elapsed = (now - last).total_seconds()
    starts = [first + number * step for number in range(length // step)]
    lengths = [step.total_seconds()] * (len(starts) - 1) + [elapsed]
    if elapsed < MIN_ELAPSED:
        starts, lengths = starts[:-1], lengths[:-1]
    columns = [
        [round(sums.get(start, (0, 0, 0))[place] / seconds, 2) for start, seconds in zip(starts, lengths, strict=True)]
        for place in range(3)
    ]
    return {
        "at": [format_time(start) for start in starts],
        "read": columns[0],
        "stored": columns[1],
        "deadLettered": columns[2],
    }
