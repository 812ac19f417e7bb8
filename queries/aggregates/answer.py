"""The answer of /api/data/aggregate/: which series and buckets it has, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from heapq import nlargest
from typing import cast
from zoneinfo import ZoneInfo

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code
from queries.aggregates import buckets, filling, reading, series
from queries.aggregates.buckets import LONGEST, MAX_BUCKETS, TooManyBuckets
from queries.aggregates.query import AggregateQuery, SeriesCursor
from queries.aggregates.reading import Found, Origin
from queries.aggregates.series import Series, SeriesPage
from queries.events import scan_limits
from queries.reads import condition, postgres
from queries.reads.condition import Condition
from queries.reads.subject import Subject
from queries.request import pagination, times
from queries.request.pagination import Address
from queries.request.query_params import InvalidParameter
from queries.request.times import format_time
from queries.schemas import Aggregate, Bucket, Incomplete, Numbers

MAX_INCOMPLETE = 100  # sources that one answer names
MAX_RANKED = 200_000  # series that `top` compares
_NO_SERIES = Series("", "")


def read(query: AggregateQuery, within: ReadScope, *, now: datetime) -> Aggregate:
    """Read one page of series. `next` of the answer is a cursor.

    :param within: its sources (Selection.within)
    :raises InvalidParameter: the answer would be too large, or be made of too many events
    :raises ReadUnavailable: PostgreSQL does not answer
    :raises QueryTimeout: it takes too long
    """
    with postgres.bounded(postgres.QUERY_SECONDS):
        served = scan_limits.check(query.selection, within, now=now)
        span = series.span(query, within, now=now)
        bounds = [] if span is None else _bounds(query, *span)
        page = _page(query, within, bounds, served) if bounds else SeriesPage([], more=False)
        origin = reading.origin(query, bounds)
        found: Found = {}
        if page.series:
            found = reading.read(query, within, origin, series=page.series, bounds=bounds, served=served)
        # The largest series may have been found by rollups, whatever their buckets are read from.
        is_whole = origin.rollups is None and (query.top is None or query.ranking.from_rows)
        cut = [] if is_whole else incomplete(query, within, page.series)
    return _answer(query, bounds, origin, page, found, cut)


def subject(query: AggregateQuery, *, scope: ReadScope, now: datetime) -> Subject:
    """Return what the answer depends on: the whole of each bucket.

    :raises InvalidParameter: there are too many buckets or sources
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    within = query.selection.within(scope)
    start, end = query.selection.start, query.selection.end
    if start is not None and end is not None:
        bounds = _bounds(query, *series.clamped(start, end, now=now))
        return Subject(within, bounds[0], bounds[-1]) if bounds else Subject(within, start, end)
    return Subject(within, start and times.shifted(start, -LONGEST), end and times.shifted(end, LONGEST))


def as_json(found: Aggregate, address: Address) -> Aggregate:
    """Return an answer with an address in place of the cursor."""
    return {**found, "next": address.at(found["next"])}


def _bounds(query: AggregateQuery, start: datetime, end: datetime) -> list[datetime]:
    try:
        return buckets.bounds(start, end, query.interval, query.zone)
    except TooManyBuckets as error:
        fits = "a shorter range of time" if error.fits is None else f"interval={error.fits} or a shorter range of time"
        detail = f"interval: more than {MAX_BUCKETS:,} buckets; the nearest query that is allowed has {fits}"
        raise InvalidParameter("interval", detail, code=Code.QUERY_TOO_WIDE) from error


def _page(query: AggregateQuery, within: ReadScope, bounds: Sequence[datetime], served: Condition) -> SeriesPage:
    size = MAX_BUCKETS // (len(bounds) - 1)
    if query.top is not None:
        return _top(query, within, bounds, served, size=size)
    if not query.groups:
        return SeriesPage([_NO_SERIES], more=False)
    return series.page(query, within, size=size)


def _top(
    query: AggregateQuery, within: ReadScope, bounds: Sequence[datetime], served: Condition, *, size: int
) -> SeriesPage:
    """Return the series with the largest values over the whole range, in order of their names."""
    assert query.top is not None
    if query.top > size:
        detail = f"top: with {len(bounds) - 1:,} buckets each, expected at most {size}"
        raise InvalidParameter("top", detail, code=Code.QUERY_TOO_WIDE)
    ranking = query.ranking
    ranked = series.page(ranking, within, size=MAX_RANKED) if query.groups else SeriesPage([_NO_SERIES], more=False)
    if ranked.more:
        detail = f"top: there are more than {MAX_RANKED:,} series; name fewer sources or fields"
        raise InvalidParameter("top", detail, code=Code.QUERY_TOO_WIDE)
    if not ranked.series:
        return ranked
    whole = (bounds[0], bounds[-1])
    origin = reading.origin(ranking, whole)
    found = reading.read(ranking, within, origin, series=ranked.series, bounds=whole, served=served)
    values = {key: numbers[query.by] for (key, _), numbers in found.items()}
    best = nlargest(
        query.top, (key for key, value in values.items() if value is not None), key=lambda key: values[key] or 0.0
    )
    return SeriesPage(sorted(best), more=False)


def incomplete(query: AggregateQuery, within: ReadScope, page: Sequence[Series]) -> list[Incomplete]:
    """Return the sources of a page whose events are not all in the rollups.

    A field that is named may have no series for that reason, and a source may not be among the largest.
    """
    own = condition.of_scope(within)
    names = sorted({each.source_id for each in page} - {""})
    is_any = query.fields is not None or query.top is not None or not names
    wanted = condition.TRUE if is_any else Condition("source_id = ANY(%s)", [names])
    where = condition.all_of(own, wanted, Condition("(fields_capped OR rollups_cut_at IS NOT NULL)", []))
    statement = f"""
        SELECT source_id, rollups_cut_at IS NOT NULL FROM source_statistics WHERE {where.text}
        ORDER BY source_id LIMIT {MAX_INCOMPLETE}
    """  # noqa: S608 - made of constants
    with connection.cursor() as cursor:
        cursor.execute(statement, where.values)
        rows = cursor.fetchall()
    return [{"sourceId": source, "reason": "rollups_cut" if cut else "fields_capped"} for source, cut in rows]


def _answer(
    query: AggregateQuery,
    bounds: Sequence[datetime],
    origin: Origin,
    page: SeriesPage,
    found: Found,
    left: list[Incomplete],
) -> Aggregate:
    last = page.series[-1] if page.more else None
    return {
        "interval": query.interval,
        "timezone": query.zone.key,
        "from": origin.name,
        "resolution": origin.resolution,
        "start": format_local(bounds[0], query.zone) if bounds else None,
        "end": format_local(bounds[-1], query.zone) if bounds else None,
        "next": None if last is None else pagination.write_cursor(SeriesCursor(*last, query.identity)),
        "results": _results(query, bounds, page.series, found),
        "incomplete": left,
    }


def _results(query: AggregateQuery, bounds: Sequence[datetime], page: Sequence[Series], found: Found) -> list[Bucket]:
    starts = [format_local(each, query.zone) for each in bounds[:-1]]
    results: list[Bucket] = []
    for key in page:
        numbers = [found.get((key, index)) for index in range(len(starts))]
        results += _of_series(query, key, starts, numbers, bounds)
    return results


def _of_series(
    query: AggregateQuery,
    key: Series,
    starts: Sequence[str],
    numbers: Sequence[Numbers | None],
    bounds: Sequence[datetime],
) -> Iterator[Bucket]:
    own = {"sourceId": key.source_id or None, "field": key.field or None}
    if query.fill == "none":
        for start, each in zip(starts, numbers, strict=True):
            if each is not None:
                yield cast("Bucket", {**own, "start": start, **each})
        return
    filled = filling.fill(numbers, query.fill, starts=bounds[:-1], statistics=query.statistics)
    for start, each, shown in zip(starts, numbers, filled, strict=True):
        yield cast("Bucket", {**own, "start": start, **shown, **({} if each else {"filled": True})})


def format_local(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time as RFC 3339 with the offset of a zone; in UTC, and where the offset has seconds, with Z."""
    local = moment.astimezone(zone)
    offset = local.utcoffset()
    if zone.key == "UTC" or offset is None or offset.seconds % 60:
        return format_time(moment.astimezone(UTC))
    return local.isoformat()
