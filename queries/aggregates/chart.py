"""The data of one chart: statistics of several series as columns, at the finest resolution that has few enough points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self, cast
from zoneinfo import ZoneInfo

from django.conf import settings

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code
from queries.aggregates import answer, buckets, reading, series, zones
from queries.aggregates.buckets import INTERVALS, Interval, TooManyBuckets
from queries.aggregates.query import AggregateQuery, Statistic, parse_fields
from queries.aggregates.reading import Found
from queries.aggregates.series import Series
from queries.reads import postgres, units
from queries.reads.condition import TRUE
from queries.reads.subject import Subject
from queries.request import times
from queries.request.query_params import InvalidParameter, Parameters
from queries.request.selection import MAX_SOURCES, Selection
from queries.request.times import format_time, to_micros
from queries.schemas import Chart, ChartRows, ChartSeries
from queries.sources import shapes

PARAMETERS = ("source_id", "field", "from", "to", "max_points", "interval", "tz", "shape")
REPEATED = ("source_id", "field")

USUAL_POINTS = 800  # of a series; a screen has about two pixels for each
MAX_POINTS = 10_000
MAX_SERIES = 500  # of one chart; more, if one source may have more fields
MAX_VALUES = 200_000  # points of all series
USUAL_RANGE = timedelta(hours=6)

COLUMNS: tuple[Statistic, ...] = ("count", "avg", "min", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartQuery:
    """Which series, over which range of time."""

    start: datetime
    end: datetime  # exclusive
    sources: frozenset[str] | None = None  # ids and patterns; None: all
    fields: tuple[str, ...] | None = None  # dotted paths; None: every numeric field
    points: int = USUAL_POINTS  # of a series, at most
    interval: Interval | None = None  # None: the shortest that fits
    zone: ZoneInfo = field(default_factory=lambda: zones.parse(zones.UTC_NAME))
    is_moving: bool = False  # the range depends on the present time

    @classmethod
    def from_parameters(cls, parameters: Parameters, *, now: datetime) -> Self:
        """Parse the query parameters.

        :raises InvalidParameter: a value can't be used
        """
        end = parameters.moment("to", now=now) or now
        start = parameters.moment("from", now=now) or times.shifted(end, -USUAL_RANGE)
        if start >= end:
            raise InvalidParameter("from", "from: expected a time before `to`")
        return cls(
            start=start,
            end=end,
            sources=parameters.source_patterns(most=MAX_SOURCES),
            fields=parse_fields(parameters),
            points=parameters.integer("max_points", default=USUAL_POINTS, least=1, most=MAX_POINTS),
            interval=cast("Interval | None", parameters.choice("interval", INTERVALS)),
            zone=zones.parse(parameters.text("tz") or zones.UTC_NAME),
            is_moving=any(
                parameters.text(name) is None or "now" in str(parameters.text(name)) for name in ("from", "to")
            ),
        )


def read(query: ChartQuery, within: ReadScope, *, now: datetime) -> Chart:
    """Read the series of a chart, in order of source and field, those without a point in the range included.

    :param within: its sources (`subject`)
    :raises InvalidParameter: there are too many series or points
    :raises ReadUnavailable: PostgreSQL does not answer
    :raises QueryTimeout: it takes too long
    """
    selection = Selection(start=query.start, end=query.end)
    wanted = AggregateQuery(selection=selection, fields=query.fields, zone=query.zone, statistics=COLUMNS)
    with postgres.bounded(postgres.QUERY_SECONDS):
        # A chart may be of a time that no event can have.
        span = series.span(wanted, within, now=now)
        interval, bounds = (query.interval or INTERVALS[0], []) if span is None else _bounds(query, *span)
        points = len(bounds[1:])
        # As many fields as one source may have.
        most = max(MAX_SERIES, settings.DATAFLOW_MAX_FIELDS_PER_SOURCE)
        page = series.page(wanted, within, size=most)
        _check(most if page.more else None, len(page.series) * points)
        origin = reading.origin(wanted, bounds)
        found: Found = {}
        if page.series and points:
            found = reading.read(wanted, within, origin, series=page.series, bounds=bounds, served=TRUE)
        cut = answer.incomplete(wanted, within, page.series) if origin.rollups else []
        registered, declared = shapes.registry(within.among({each.source_id for each in page.series}))
    labels = {source: entry.labels for source, entry in registered.items()}
    room = shapes.LABEL_TEXT // max(1, len(page.series))
    return {
        "start": format_time(query.start),
        "end": format_time(query.end),
        "interval": interval,
        "timezone": query.zone.key,
        "from": origin.name,
        "resolution": origin.resolution,
        # The first bucket may begin before the range.
        "time": [to_micros(max(each, query.start)) // 1_000 for each in bounds[:-1]],
        "series": [
            _shape(each, found, points, labels.get(each.source_id, {}), declared.of(each.source_id), room=room)
            for each in page.series
        ],
        "incomplete": cut,
    }


def subject(query: ChartQuery, *, scope: ReadScope, now: datetime) -> Subject:
    """Return what the answer depends on: the whole of each bucket.

    :raises InvalidParameter: there are too many points or sources
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    within = Selection(sources=query.sources).within(scope)
    start, end = series.clamped(query.start, query.end, now=now)
    bounds = _bounds(query, start, end)[1] if start < end else []
    return Subject(within, bounds[0], bounds[-1]) if bounds else Subject(within, query.start, query.end)


def as_rows(chart: Chart) -> ChartRows:
    """Return a chart as rows, one for each point of time, with a member for each series' average: for tools without columns."""
    rows: list[dict[str, float | None]] = [
        {"time": at, **{each["name"]: each["avg"][index] for each in chart["series"]}}
        for index, at in enumerate(chart["time"])
    ]
    return {"interval": chart["interval"], "rows": rows}


def _bounds(query: ChartQuery, start: datetime, end: datetime) -> tuple[Interval, list[datetime]]:
    interval = query.interval or buckets.fitting(start, end, query.zone, most=query.points)
    if interval is None:
        raise InvalidParameter("max_points", "max_points: the range has more months than that; expected more points")
    try:
        return interval, buckets.bounds(start, end, interval, query.zone, most=query.points)
    except TooManyBuckets as error:
        fits = "more points" if error.fits is None else f"interval={error.fits}"
        detail = f"interval: the range has more than {query.points:,} of these; the nearest that is allowed is {fits}"
        raise InvalidParameter("interval", detail, code=Code.QUERY_TOO_WIDE) from error


def _check(exceeded: int | None, values: int) -> None:
    if exceeded is not None:
        detail = f"field: the chart would have more than {exceeded} series; name fewer sources or fields"
        raise InvalidParameter("field", detail, code=Code.QUERY_TOO_WIDE)
    if values > MAX_VALUES:
        detail = f"max_points: the chart would have {values:,} points in all, of at most {MAX_VALUES:,}; ask for fewer"
        raise InvalidParameter("max_points", detail, code=Code.QUERY_TOO_WIDE)


def _shape(
    key: Series, found: Found, length: int, labels: dict[str, object], declared: Mapping[str, str], *, room: int
) -> ChartSeries:
    numbers = [found.get((key, index)) for index in range(length)]

    def column(name: Statistic) -> list[float | None]:
        return [None if each is None else each[name] for each in numbers]

    return {
        "sourceId": key.source_id,
        "field": key.field,
        "name": f"{key.source_id} {key.field}",
        "unit": units.unit_of(key.field, labels, declared),
        "labels": shapes.shown_labels(labels, room=room),
        "count": [0 if each is None else each["count"] for each in numbers],
        "avg": column("avg"),
        "min": column("min"),
        "max": column("max"),
    }
