"""How many events there are over a range of event time, bucket by bucket: counted as far as the time for it allows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypedDict

from django.db import connection, transaction

from queries.events import conditions, scan_limits
from queries.reads import condition, postgres
from queries.reads.postgres import QueryTimeout
from queries.reads.subject import Subject
from queries.request.selection import Selection
from queries.request.times import format_time, parse_time, shifted

MAX_BUCKETS = 120
# A page shows its list without a whole histogram rather than late: all of it has a second, then parts of it have another.
WHOLE_MS = 1_000
PARTS_MS = 700
LEDGER_MS = 300
PARTS = 32  # of the range; the newest is counted first, then as much again with each step
AGREES = 0.1  # share by which the ledger may differ from what was counted, to stand for the rest
MINUTE = timedelta(minutes=1)
# Lengths of buckets, in seconds: those that fit the marks of a clock or a calendar.
_LENGTHS = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200),
    *(86_400, 172_800, 604_800, 2_592_000, 31_536_000),
)
_ORIGIN = parse_time("2001-01-01T00:00:00Z")  # a Monday

Counts = dict[datetime, int]  # by the start of a bucket


class Bucket(TypedDict):
    """The events from `start` on, for the length of a bucket."""

    start: str
    end: str
    count: int


class Histogram(TypedDict):
    """The buckets of a range that have events.

    `exact`: all were counted. `newest`: those from `since` on were, in the time for it. `about`: those from `since` on
    were, and the others are by the ledger, which has the time of receipt.
    """

    kind: Literal["exact", "newest", "about"]
    since: str  # the start of what was counted
    seconds: int  # length of a bucket
    total: int
    buckets: list[Bucket]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is counted."""

    selection: Selection
    width: timedelta
    now: datetime


def length(start: datetime, end: datetime) -> timedelta:
    """Return the length of the buckets of a range."""
    least = (end - start).total_seconds() / (MAX_BUCKETS - 1)
    return timedelta(seconds=next((each for each in _LENGTHS if each >= least), max(_LENGTHS[-1], round(least))))


def of(selection: Selection) -> tuple[datetime, datetime]:
    """Return the range that is counted; one of the two ranges of a selection has both ends."""
    by_receipt = selection.start is None
    start = selection.received_start if by_receipt else selection.start
    end = selection.received_end if by_receipt else selection.end
    assert start is not None
    assert end is not None
    return start, end


def read(selection: Selection, subject: Subject, *, now: datetime) -> Histogram:
    """Count the events of a selection, by event time; by time of receipt, if it has no range of event time.

    :param subject: its sources
    :raises InvalidParameter: it would look into too many events
    :raises ReadUnavailable: PostgreSQL does not answer
    :raises QueryTimeout: not even the newest can be counted in time
    """
    start, end = of(selection)
    asked = _Asked(selection, length(start, end), now)
    try:
        return _shape("exact", start, asked, _count(asked, subject, start, end, WHOLE_MS))
    except QueryTimeout:
        return _in_parts(asked, subject, start, end)


def _in_parts(asked: _Asked, subject: Subject, start: datetime, end: datetime) -> Histogram:
    until, counts, since = time.monotonic() + PARTS_MS / 1000, Counts(), end
    for earlier in _edges(start, end, asked.width):
        left = round((until - time.monotonic()) * 1000)
        if left <= 0:
            break
        try:
            counts |= _count(asked, subject, earlier, since, left)
        except QueryTimeout:
            break
        since = earlier
    if since == end:
        raise QueryTimeout
    if since == start:
        return _shape("exact", start, asked, counts)
    before = _by_ledger(asked, subject, start, since, end, counted=sum(counts.values()))
    return _shape("newest", since, asked, counts) if before is None else _shape("about", since, asked, counts | before)


def _edges(start: datetime, end: datetime, width: timedelta) -> list[datetime]:
    """Return the beginnings of the parts of a range, the newest first: each at the beginning of a bucket."""
    found: list[datetime] = []
    share = 1
    while share < PARTS:
        edge = end - (end - start) * share / PARTS
        edge -= (edge - _ORIGIN) % width
        if start < edge < (found[-1] if found else end):
            found.append(edge)
        share *= 2
    return [*found, start]


def _count(asked: _Asked, subject: Subject, start: datetime, end: datetime, milliseconds: int) -> Counts:
    """Count the events of a part of the range.

    :raises QueryTimeout: there are too many to be counted in time
    """
    selection, sources = asked.selection, subject.sources
    column = "received" if selection.start is None else "ts"
    with postgres.bounded(), transaction.atomic():
        served = scan_limits.check(selection, sources, now=asked.now)
        own = condition.all_of(condition.of_scope(sources), conditions.inner(selection), served)
        statement = f"""
            SELECT date_bin(make_interval(secs => %s), {column}, %s) AS bucket, count(*) FROM events
            WHERE {column} >= %s AND {column} < %s AND {own.text} GROUP BY bucket
        """  # noqa: S608 - made of constants
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {milliseconds}")
            cursor.execute(statement, [asked.width.total_seconds(), _ORIGIN, start, end, *own.values])
            return dict(cursor.fetchall())


def _by_ledger(
    asked: _Asked, subject: Subject, start: datetime, since: datetime, end: datetime, *, counted: int
) -> Counts | None:
    """Return what the ledger has of the buckets before `since`; None: it can't stand for them.

    It can if nothing but sources is asked for, and if it has about as many of the time that was counted: then events come
    when they happen.
    """
    if asked.selection.looks_into_events or asked.width < MINUTE or not counted:
        return None
    own = condition.of_scope(subject.sources)
    statement = f"""
        SELECT date_bin(make_interval(secs => %s), minute, %s) AS bucket, sum(stored)::bigint, max(seconds) FROM ledger
        WHERE minute >= %s AND minute < %s AND {own.text} GROUP BY bucket
    """  # noqa: S608 - made of constants
    try:
        with postgres.bounded(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {LEDGER_MS}")
            cursor.execute(statement, [asked.width.total_seconds(), _ORIGIN, start, end, *own.values])
            found = cursor.fetchall()
    except QueryTimeout:
        return None
    # Minutes that are long past are added up by hour, and an hour is too long for short buckets.
    is_fine = all(seconds <= asked.width.total_seconds() for _, _, seconds in found)
    same = sum(stored for bucket, stored, _ in found if bucket >= since)
    if not is_fine or abs(same - counted) > AGREES * counted:
        return None
    return {bucket: stored for bucket, stored, _ in found if bucket < since and stored}


def _shape(kind: Literal["exact", "newest", "about"], since: datetime, asked: _Asked, counts: Counts) -> Histogram:
    return {
        "kind": kind,
        "since": format_time(since),
        "seconds": round(asked.width.total_seconds()),
        "total": sum(counts.values()),
        "buckets": [
            {"start": format_time(start), "end": format_time(shifted(start, asked.width)), "count": counts[start]}
            for start in sorted(counts)
        ],
    }
