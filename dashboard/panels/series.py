"""The charts of one source: the aggregates of its numeric fields over the time before its newest event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from dashboard.panels.columns import BucketColumns, ChartBucket, Interval, bucket_columns, chart_buckets
from dashboard.panels.snapshot import Unknown, milliseconds
from ingestion.auth.read_scope import ReadScope
from ingestion.events.timestamps import EPOCH
from queries.aggregates import chart
from queries.aggregates.buckets import LENGTHS, MAX_BUCKETS
from queries.aggregates.chart import MAX_POINTS, ChartQuery
from queries.reads.postgres import ReadUnavailable
from queries.request.times import format_time, from_micros, parse_time
from queries.schemas import SourceShape
from queries.sources import detail
from queries.sources.detail import SourceNotFound

# Length of a chart, unless the charts of a page together exceed MAX_BUCKETS.
REACH: dict[Interval, int] = {"1m": 120, "1h": 168, "1d": 366}  # buckets


class LatestColumns(TypedDict):
    """The latest value of each field, as columns."""

    field: list[str]
    at: list[int]  # ms since the epoch
    value: list[float]


class SourceNumbers(TypedDict):
    """The totals of a source."""

    lastSeen: int  # ms since the epoch
    events: int


class Series(TypedDict):
    """The data with which a subscription to `series` starts; its frames are changes to it."""

    start: str
    source: SourceNumbers
    latest: LatestColumns
    buckets: BucketColumns


@dataclass(frozen=True, slots=True)
class Charts:
    """One source and the aggregates of its fields from `start` to `end`."""

    source: SourceShape
    interval: Interval
    start: datetime
    end: datetime
    buckets: list[ChartBucket]


def charts(source_id: str, interval: Interval, *, scope: ReadScope) -> Charts:
    """Read the charts of a source.

    :raises SourceNotFound: no event of this source was ever read, or it is outside the scope
    :raises Unknown: PostgreSQL does not answer
    """
    try:
        return _charts(detail.one(source_id, scope=scope), interval, scope)
    except ReadUnavailable as error:
        raise Unknown from error


def series(source_id: str, interval: Interval, *, scope: ReadScope) -> Series | None:
    """Return the data with which a subscription starts; None: no event of this source was ever read.

    :raises Unknown: PostgreSQL does not answer
    """
    try:
        found = charts(source_id, interval, scope=scope)
    except SourceNotFound:
        return None
    fields = found.source["fields"]
    return {
        "start": format_time(found.start),
        "source": {"lastSeen": milliseconds(found.source["lastSeen"]), "events": found.source["events"]},
        "latest": {
            "field": [field["name"] for field in fields],
            "at": [milliseconds(field["latestAt"]) for field in fields],
            "value": [field["latest"] for field in fields],
        },
        "buckets": bucket_columns(found.buckets),
    }


def moved_buckets(source_id: str, interval: Interval, oldest: int | None, *, scope: ReadScope) -> list[ChartBucket]:
    """Return the aggregates from an event time on, as far as the charts go.

    :param oldest: microseconds since the epoch; None: those of the newest event
    :raises Unknown: PostgreSQL does not answer
    """
    try:
        source = detail.one(source_id, scope=scope)
        end = _end(source)
        reach = end - LENGTHS[interval] * _buckets(source, interval)
        start = end - timedelta(microseconds=1) if oldest is None else from_micros(oldest)
        return _read(source_id, interval, (max(start, reach), end), scope)
    except SourceNotFound:
        return []
    except ReadUnavailable as error:
        raise Unknown from error


def _charts(source: SourceShape, interval: Interval, scope: ReadScope) -> Charts:
    end = _end(source)
    start = end - LENGTHS[interval] * _buckets(source, interval)
    found = _read(source["sourceId"], interval, (start, end), scope) if source["fields"] else []
    return Charts(source, interval, start, end, found)


def _buckets(source: SourceShape, interval: Interval) -> int:
    """Return the length of a source's charts."""
    return min(REACH[interval], max(1, MAX_BUCKETS // max(1, len(source["fields"])) - 1))


def _end(source: SourceShape) -> datetime:
    """Return the end of a source's charts: the time of its newest event, which is within it."""
    newest = source["latestEvent"]
    return parse_time(newest) + timedelta(microseconds=1) if newest else datetime.now(tz=UTC)


def _read(source_id: str, interval: Interval, span: tuple[datetime, datetime], scope: ReadScope) -> list[ChartBucket]:
    start, end = span
    # The first bucket as a whole.
    first = start - (start - EPOCH) % LENGTHS[interval]
    query = ChartQuery(start=first, end=end, interval=interval, points=MAX_POINTS)
    return chart_buckets(chart.read(query, scope.narrowed(source_id), now=datetime.now(tz=UTC)))
