"""Reads the buckets of some series, from rollups or from rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code
from processing.events import fields
from processing.stores.fields import values as field_values
from processing.stores.packed.rollups import HOURS, MINUTES, Rollups
from queries.aggregates.query import AggregateQuery
from queries.aggregates.series import Series
from queries.aggregates.statistics import Reading
from queries.events import conditions
from queries.reads import condition
from queries.reads.condition import Condition
from queries.request.query_params import InvalidParameter
from queries.schemas import Numbers, Origins, Resolution

MAX_ROWS = 500_000  # numbers that one answer is made of
MAX_ROW_FIELDS = 20  # whose numbers are taken out of each row

Found: TypeAlias = dict[tuple[Series, int], Numbers]  # by series and number of the bucket


class Origin(NamedTuple):
    """Where numbers are read from."""

    name: Origins
    resolution: Resolution
    rollups: Rollups | None  # None: rows


_HOURS = Origin("hourRollups", "1h", HOURS)
_MINUTES = Origin("minuteRollups", "1m", MINUTES)
_ROWS = Origin("rows", "event", None)


def origin(query: AggregateQuery, bounds: Sequence[datetime]) -> Origin:
    """Return where the numbers of these buckets can be read from.

    :param bounds: in UTC
    """
    if query.from_rows:
        return _ROWS
    # Before 1972 there was a zone whose offset had seconds.
    if any(each.second or each.microsecond for each in bounds):
        return _ROWS
    return _MINUTES if any(each.minute for each in bounds) else _HOURS


def read(
    query: AggregateQuery,
    within: ReadScope,
    source: Origin,
    *,
    series: Sequence[Series],
    bounds: Sequence[datetime],
    served: Condition,
) -> Found:
    """Read the buckets that have anything.

    :param source: the origin of these buckets
    :param series: in order, without a gap; or any, if `query.top` is given
    :param bounds: the start of each bucket, and the end of the last one
    :param served: what makes an index serve the query (queries.events.scan_limits)
    :raises InvalidParameter: rows have too many numbers
    """
    reading = Reading(query.statistics)
    if source.rollups is None:
        return _from_rows(query, within, series, bounds, reading, served)
    return _from_rollups(source.rollups, query, within, series, bounds, reading)


def _from_rollups(
    rollups: Rollups,
    query: AggregateQuery,
    within: ReadScope,
    series: Sequence[Series],
    bounds: Sequence[datetime],
    reading: Reading,
) -> Found:
    first, last = bounds[0], bounds[-1]
    own = condition.all_of(
        condition.of_scope(within),
        Condition("field = ANY(%s)", [[*query.fields]]) if query.fields else condition.TRUE,
        _of_series(query, series),
        Condition("start >= %s AND start < %s", [first, last]),
        # Whole days, by which rollups are packed, are left out by their key.
        Condition("day BETWEEN %s AND %s", [first.astimezone(UTC).date(), last.astimezone(UTC).date()]),
    )
    width = _width(bounds)
    bucket = _bucket("start", bounds, width)
    keys = _keys(query)
    statement = f"""
        SELECT {keys}, {bucket.text} AS bucket, {reading.of_rollups} FROM ({rollups.read(reading.needs)}) AS r
        WHERE {own.text} GROUP BY 1, 2, 3
    """  # noqa: S608 - made of constants
    with connection.cursor() as cursor:
        cursor.execute(statement, [*bucket.values, *own.values])
        return _found(cursor.fetchall(), bounds[0], width, reading)


def _from_rows(
    query: AggregateQuery,
    within: ReadScope,
    series: Sequence[Series],
    bounds: Sequence[datetime],
    reading: Reading,
    served: Condition,
) -> Found:
    names = query.fields or tuple(dict.fromkeys(each.field for each in series if each.field)) or _fields_of(within)
    if not names:
        return {}
    if len(names) > MAX_ROW_FIELDS:
        detail = f"field: this is read from events, so expected at most {MAX_ROW_FIELDS} fields; name those that matter"
        raise InvalidParameter("field", detail, code=Code.QUERY_TOO_WIDE)
    own = condition.all_of(
        condition.of_scope(within),
        _of_series(query, series, of_rows=True),
        Condition("ts >= %s AND ts < %s", [bounds[0], bounds[-1]]),
        conditions.inner(query.selection),
        served,
    )
    width = _width(bounds)
    bucket = _bucket("ts", bounds, width)
    values = " UNION ALL ".join(
        f"SELECT {index}, {field_values.number(fields.split(name))}" for index, name in enumerate(names, start=1)
    )
    keys = _keys(query, field="names.list[index]")
    statement = f"""
        WITH names AS (SELECT %s::text[] AS list), numbers AS MATERIALIZED (
            SELECT source_id, ts, id, index, {bucket.text} AS bucket, value FROM events
            CROSS JOIN LATERAL ({values}) AS v (index, value) WHERE value IS NOT NULL AND {own.text} LIMIT {MAX_ROWS + 1})
        SELECT {keys}, bucket, {reading.of_rows}, (SELECT count(*) FROM numbers) FROM numbers, names GROUP BY 1, 2, 3
    """  # noqa: S608 - made of constants
    with connection.cursor() as cursor:
        cursor.execute(statement, [[*names], *bucket.values, *own.values])
        rows = cursor.fetchall()
    if rows and rows[0][-1] > MAX_ROWS:
        detail = (
            f"start_time: the answer would be made of more than {MAX_ROWS:,} numbers out of events; "
            "ask for a shorter range of time, fewer sources or fewer fields"
        )
        raise InvalidParameter("start_time", detail, code=Code.QUERY_TOO_WIDE)
    return _found([row[:-1] for row in rows], bounds[0], width, reading)


def _fields_of(within: ReadScope) -> tuple[str, ...]:
    own = condition.of_scope(within)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT field FROM latest_value WHERE {own.text} ORDER BY field LIMIT {MAX_ROW_FIELDS + 1}",  # noqa: S608
            own.values,
        )
        return tuple(field for (field,) in cursor.fetchall())


def _found(rows: Iterable[tuple[Any, ...]], start: datetime, width: timedelta | None, reading: Reading) -> Found:
    found: Found = {}
    for source, field, bucket, *numbers in rows:
        index = bucket - 1 if width is None else (bucket - start) // width
        found[Series(source, field), index] = reading.numbers(numbers)
    return found


def _keys(query: AggregateQuery, *, field: str = "field") -> str:
    source = "source_id" if "source" in query.groups else "''"
    return f"{source}, " + (field if "field" in query.groups else "''")


def _of_series(query: AggregateQuery, series: Sequence[Series], *, of_rows: bool = False) -> Condition:
    """Return the condition of a page of series: what lies between its first and last, or those of a ranking."""
    sources, names = (sorted(set(parts)) for parts in zip(*series, strict=True))
    if query.groups == {"source", "field"} and not of_rows and query.top is None:
        first, last = series[0], series[-1]
        if first == last:
            return Condition("source_id = %s AND field = %s", [*first])
        return Condition("(source_id, field) >= (%s, %s) AND (source_id, field) <= (%s, %s)", [*first, *last])
    of_source = Condition("source_id = ANY(%s)", [sources]) if "source" in query.groups else condition.TRUE
    of_field = Condition("field = ANY(%s)", [names]) if "field" in query.groups and not of_rows else condition.TRUE
    return condition.all_of(of_source, of_field)


def _width(bounds: Sequence[datetime]) -> timedelta | None:
    """Return the length of all buckets; None: they are not of one length."""
    lengths = {after - before for before, after in pairwise(bounds)}
    return lengths.pop() if len(lengths) == 1 else None


def _bucket(moment: str, bounds: Sequence[datetime], width: timedelta | None) -> Condition:
    """Return the SQL of the bucket of a moment: its start if all are of one length, else its number from 1 on."""
    if width is not None:
        return Condition(f"date_bin(%s::interval, {moment}, %s)", [f"{width.total_seconds():.0f} s", bounds[0]])
    return Condition(f"width_bucket({moment}, %s::timestamptz[])", [[each.isoformat() for each in bounds]])
