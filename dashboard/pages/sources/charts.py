"""Reads the charts of a source: its numeric fields over a range, beside the same range before if that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypedDict

from dashboard.pages.sources import drawing
from dashboard.pages.sources.drawing import Drawing
from dashboard.pages.sources.field_choice import CHARTS
from dashboard.pages.sources.ranges import COMPARED, ChartRange
from ingestion.auth.read_scope import ReadScope
from queries.aggregates import chart
from queries.aggregates.chart import MAX_POINTS, ChartQuery
from queries.request.times import format_time, to_micros
from queries.schemas import ChartSeries, FieldShape


class ChartedSource(NamedTuple):
    """A source with its numeric fields, or those that are asked for."""

    source_id: str
    fields: Sequence[FieldShape]
    habit: float | None  # seconds between the times of two events; None: not known


class FieldChart(TypedDict):
    """One field: columns as long as `time` of the charts, null where it has no event."""

    field: str
    unit: str | None
    latest: float | None
    latestAt: str | None
    count: list[int]
    avg: list[float | None]
    min: list[float | None]
    max: list[float | None]
    before: list[float | None] | None  # averages of the time that it is compared with


class Charts(TypedDict):
    """The charts of a source."""

    start: str
    end: str
    interval: str
    live: bool  # the range ends now
    range: str | None
    bridged: int  # so many empty buckets in a row are no gap: the source sends less often
    compare: str | None  # "day", "week"
    time: list[int]  # the start of each bucket, ms since the epoch
    fields: list[FieldChart]
    more: int  # fields that are not among them


def read(source: ChartedSource, span: ChartRange, *, compare: str | None, scope: ReadScope, now: datetime) -> Charts:
    """Read the charts of the first fields of a source.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    shown = {each["name"]: each for each in source.fields[:CHARTS]}
    within = scope.narrowed(source.source_id)
    time, own = _columns(tuple(shown), span, (span.start, span.end), within, now)
    before: Mapping[str, ChartSeries] = {}
    if compare is not None:
        _, before = _columns(tuple(shown), span, span.earlier(COMPARED[compare]), within, now)
    return {
        "start": format_time(span.start),
        "end": format_time(span.end),
        "interval": span.interval,
        "live": span.is_live,
        "range": span.name,
        "bridged": span.bridged(source.habit),
        "compare": compare,
        "time": time,
        "fields": [_field(shown[name], own.get(name), before.get(name), len(time)) for name in shown],
        "more": len(source.fields) - len(shown),
    }


def cards(charts: Charts, *, is_log: bool) -> list[tuple[FieldChart, Drawing]]:
    """Return the charts with SVG paths, for readers without JavaScript."""
    span = (to_ms(charts["start"]), to_ms(charts["end"]))
    return [
        (
            each,
            drawing.draw(
                charts["time"],
                (each["avg"], each["min"], each["max"]),
                span=span,
                bridged=charts["bridged"],
                before=each["before"],
                is_log=is_log,
            ),
        )
        for each in charts["fields"]
    ]


def table(drawn: Charts) -> list[dict[str, float | None]]:
    """Return the buckets of the first field that have events, newest first."""
    first = next(iter(drawn["fields"]), None)
    if first is None:
        return []
    rows = zip(drawn["time"], first["avg"], first["min"], first["max"], first["count"], strict=True)
    return [
        {"at": at, "avg": avg, "min": low, "max": high, "count": count} for at, avg, low, high, count in rows if count
    ][::-1]


def to_ms(text: str) -> int:
    """Return an RFC 3339 time as milliseconds since the epoch."""
    return to_micros(datetime.fromisoformat(text)) // 1_000


def _columns(
    names: tuple[str, ...], span: ChartRange, ends: tuple[datetime, datetime], within: ReadScope, now: datetime
) -> tuple[list[int], dict[str, ChartSeries]]:
    if not names:
        return [], {}
    query = ChartQuery(start=ends[0], end=ends[1], fields=names, interval=span.interval, points=MAX_POINTS)
    found = chart.read(query, within, now=now)
    return found["time"], {each["field"]: each for each in found["series"]}


def _field(field: FieldShape, own: ChartSeries | None, before: ChartSeries | None, length: int) -> FieldChart:
    nothing: list[float | None] = [None] * length
    return {
        "field": field["name"],
        "unit": field["unit"],
        "latest": field["latest"],
        "latestAt": field["latestAt"],
        "count": own["count"] if own else [0] * length,
        "avg": own["avg"] if own else nothing,
        "min": own["min"] if own else nothing,
        "max": own["max"] if own else nothing,
        # Buckets at a change of the calendar may be one more or fewer.
        "before": None if before is None else (before["avg"] + nothing)[:length],
    }
