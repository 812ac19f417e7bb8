"""Statistics of numeric fields over intervals of event time, from the rollups."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, Self, cast

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from ingestion.events.timestamps import EPOCH
from processing.events.rollups import LARGEST
from processing.stores.packed.rollups import HOURS, MINUTES, Rollups
from queries.reads import cache, postgres
from queries.request.query_params import InvalidParameter, Parameters
from queries.request.times import format_time, shifted
from queries.schemas import Aggregate, Bucket

PARAMETERS = ("source_id", "field", "interval", "start_time", "end_time")
MAX_BUCKETS = 10_000

Value = str | date | list[str]
# source, field, start, count, sum, min, max
Row = tuple[str, str, datetime, int, float | None, float | None, float, float]

# Larger sums are added up separately and scaled down, since PostgreSQL rejects a total above the largest double.
_HUGE = "1e300"
_SCALE = 2.0**64

Interval = Literal["1m", "1h", "1d"]
INTERVALS: dict[Interval, timedelta] = {"1m": timedelta(minutes=1), "1h": timedelta(hours=1), "1d": timedelta(days=1)}

# Late events still change old buckets, so even a range in the past is cached for a short time only.
CLOSED_KEPT_FOR = 10.0  # seconds
OPEN_KEPT_FOR = 1.0  # seconds


# Days are aggregated from hours.
_ROLLUPS: dict[Interval, tuple[Rollups, str]] = {
    "1m": (MINUTES, "start"),
    "1h": (HOURS, "start"),
    "1d": (HOURS, "date_trunc('day', start, 'UTC')"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateQuery:
    """Which buckets to read: all that overlap the range, each whole."""

    source_id: str | None = None
    field: str | None = None
    interval: Interval = "1h"
    start: datetime | None = None  # inclusive
    end: datetime | None = None  # exclusive

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters.

        :raises InvalidParameter: a value can't be used
        """
        start, end = parameters.span()
        return cls(
            source_id=parameters.source_id(),
            field=parameters.text("field"),
            interval=cast("Interval", parameters.choice("interval", tuple(INTERVALS), default="1h")),
            start=start,
            end=end,
        )


def read(query: AggregateQuery, *, scope: ReadScope, now: datetime) -> Aggregate:
    """Read the buckets, in order of source, field and start.

    :raises InvalidParameter: there are more than MAX_BUCKETS
    :raises RequestRejected: the query names a source outside the scope
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    within = scope.narrowed(query.source_id)
    closed = query.end is not None and query.end < now - timedelta(hours=1)
    return cache.remembered(
        f"aggregate.{hashlib.sha256(repr(query).encode()).hexdigest()}",
        scope=within,
        shape=Aggregate,
        seconds=CLOSED_KEPT_FOR if closed else OPEN_KEPT_FOR,
        read=lambda: _read(query, within),
    )


def _read(query: AggregateQuery, scope: ReadScope) -> Aggregate:
    rollups, start = _ROLLUPS[query.interval]
    where, values = _conditions(query, scope)
    statement = f"""
        SELECT source_id, field, {start} AS bucket, sum(count)::bigint,
            sum(sum) FILTER (WHERE abs(sum) < {_HUGE}), sum(sum / {_SCALE!r}) FILTER (WHERE abs(sum) >= {_HUGE}),
            min(min), max(max) FROM ({rollups.read(("count", "sum", "min", "max"))}) AS r
        WHERE {where} GROUP BY source_id, field, bucket ORDER BY source_id, field, bucket LIMIT {MAX_BUCKETS + 1}
    """  # noqa: S608 - made of constants
    with postgres.bounded(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    if len(rows) > MAX_BUCKETS:
        raise InvalidParameter(
            "interval",
            f"interval: more than {MAX_BUCKETS} buckets; use a shorter range, one field or a longer interval",
        )
    return {"interval": query.interval, "timezone": "UTC", "results": [_bucket(row) for row in rows]}


def _conditions(query: AggregateQuery, scope: ReadScope) -> tuple[str, list[Value]]:
    own, sources = scope.condition()
    wanted: list[tuple[str, Value | None]] = [
        ("field = %s", query.field),
        ("start >= %s", query.start and _floor(query.start, INTERVALS[query.interval])),
        ("start < %s", query.end and _ceiling(query.end, INTERVALS[query.interval])),
        # Whole days, by which rollups are packed, are left out by their key.
        ("day >= %s", query.start and query.start.astimezone(UTC).date()),
        ("day <= %s", query.end and query.end.astimezone(UTC).date()),
    ]
    given = [(condition, value) for condition, value in wanted if value is not None]
    return " AND ".join([own, *(condition for condition, _ in given)]), [*sources, *(value for _, value in given)]


def _floor(moment: datetime, width: timedelta) -> datetime:
    return moment - (moment - EPOCH) % width


def _ceiling(moment: datetime, width: timedelta) -> datetime:
    return shifted(moment, (EPOCH - moment) % width)


def _bucket(row: Row) -> Bucket:
    source, field, start, count, usual, huge, least, most = row
    total = (usual or 0.0) + (huge or 0.0) * _SCALE
    # The stores keep a sum that overflowed as the largest double.
    finite = abs(total) < LARGEST
    return {
        "sourceId": source,
        "field": field,
        "start": format_time(start),
        "count": count,
        "sum": total if finite else None,
        "avg": total / count if finite else None,
        "min": least,
        "max": most,
    }
