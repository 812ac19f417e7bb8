"""How many events there are over a range of event time, bucket by bucket."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypedDict

from django.db import connection, transaction

from queries.events import conditions, scan_limits
from queries.reads import condition, postgres
from queries.reads.subject import Subject
from queries.request.selection import Selection
from queries.request.times import format_time, shifted

MAX_BUCKETS = 120
MAX_MILLISECONDS = 2_000  # of the statement: a page shows its list without a histogram rather than late
# Lengths of buckets, in seconds: those that fit the marks of a clock or a calendar.
_LENGTHS = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200),
    *(86_400, 172_800, 604_800, 2_592_000, 31_536_000),
)
_ORIGIN = "2001-01-01T00:00:00Z"  # a Monday


class Bucket(TypedDict):
    """The events from `start` on, for the length of a bucket."""

    start: str
    end: str
    count: int


class Histogram(TypedDict):
    """The buckets of a range that have events."""

    seconds: int  # length of a bucket
    total: int
    buckets: list[Bucket]


def length(start: datetime, end: datetime) -> timedelta:
    """Return the length of the buckets of a range."""
    least = (end - start).total_seconds() / (MAX_BUCKETS - 1)
    return timedelta(seconds=next((each for each in _LENGTHS if each >= least), max(_LENGTHS[-1], round(least))))


def read(selection: Selection, subject: Subject, *, now: datetime) -> Histogram:
    """Count the events of a selection.

    :param subject: its sources and its range, which has both ends
    :raises InvalidParameter: it would look into too many events
    :raises ReadUnavailable: PostgreSQL does not answer
    :raises QueryTimeout: there are too many to be counted in time
    """
    assert subject.start is not None
    assert subject.end is not None
    width = length(subject.start, subject.end)
    with postgres.bounded(), transaction.atomic():
        served = scan_limits.check(selection, subject.sources, now=now)
        own = condition.all_of(condition.of_scope(subject.sources), conditions.of(selection), served)
        statement = f"""
            SELECT date_bin(%s::interval, ts, %s::timestamptz) AS bucket, count(*) FROM events
            WHERE {own.text} GROUP BY bucket ORDER BY bucket
        """  # noqa: S608 - made of constants
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {MAX_MILLISECONDS}")
            cursor.execute(statement, [f"{width.total_seconds():.0f} s", _ORIGIN, *own.values])
            found = cursor.fetchall()
    return {
        "seconds": round(width.total_seconds()),
        "total": sum(count for _, count in found),
        "buckets": [
            {"start": format_time(start), "end": format_time(shifted(start, width)), "count": count}
            for start, count in found
        ],
    }
