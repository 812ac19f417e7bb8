"""Where the buckets of a range begin and end, by the clock and the calendar of a time zone. Pure.

Up to an hour, buckets begin at whole multiples of their length on the local clock, and where the zone's offset changes:
so the hour that comes twice in autumn is two buckets. Longer ones begin at 0, 6, 12 and 18 o'clock, at midnight, on Mondays
or on the first of a month; a time that the clock skips is the moment at which it skips it, and of one that comes twice it is
the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from ingestion.events.timestamps import EPOCH

Interval = Literal["1m", "5m", "15m", "30m", "1h", "6h", "1d", "1w", "1M"]
INTERVALS: tuple[Interval, ...] = get_args(Interval)

MAX_BUCKETS = 10_000  # of one answer, over all its series

# By clock: exact. By calendar: the shortest length that counts for limits.
LENGTHS: dict[Interval, timedelta] = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "1w": timedelta(days=7),
    "1M": timedelta(days=28),
}
_BY_CLOCK = timedelta(hours=1)  # up to this length
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
LONGEST = timedelta(days=32)  # no bucket is longer


class TooManyBuckets(Exception):
    """The range has more buckets than one answer may hold. `fits` is the shortest interval with which it would be answered."""

    def __init__(self, fits: Interval | None) -> None:
        super().__init__()
        self.fits = fits


def bounds(
    start: datetime, end: datetime, interval: Interval, zone: ZoneInfo, *, most: int = MAX_BUCKETS
) -> list[datetime]:
    """Return the start of each bucket that the range touches, in UTC, and the end of the last one.

    :param start: inclusive; with `end` at least a day from the first and last times of the calendar
    :param end: exclusive
    :param most: buckets
    :raises TooManyBuckets: there are more
    """
    if start >= end:
        return []
    if (end - start) // LENGTHS[interval] > most + 2:
        raise TooManyBuckets(fitting(start, end, zone, most=most))
    found = _bounds(start, end, interval, zone)
    if len(found) - 1 > most:
        raise TooManyBuckets(fitting(start, end, zone, most=most))
    return [*found]


def fitting(start: datetime, end: datetime, zone: ZoneInfo, *, most: int) -> Interval | None:
    """Return the shortest interval with which a range has at most so many buckets; None: there is none."""
    for interval in INTERVALS:
        if (end - start) // LENGTHS[interval] <= most + 2 and len(_bounds(start, end, interval, zone)) - 1 <= most:
            return interval
    return None


@lru_cache(maxsize=16)
def _bounds(start: datetime, end: datetime, interval: Interval, zone: ZoneInfo) -> Sequence[datetime]:
    # One answer asks for them up to three times: what fits, what it depends on, what it shows.
    length = LENGTHS[interval]
    if length <= _BY_CLOCK:
        marks = list(_clock_marks(start - length, end + length, length, zone))
    else:
        first, last = ((each.astimezone(zone)).date() for each in (start - LONGEST, end + LONGEST))
        marks = sorted({_instant(each, zone) for each in _CALENDARS[interval](first, last)})
    before = max(index for index, mark in enumerate(marks) if mark <= start)
    after = min(index for index, mark in enumerate(marks) if mark >= end)
    return tuple(marks[before : after + 1])


def _clock_marks(start: datetime, end: datetime, length: timedelta, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the marks from one that is not after `start` to one that is not before `end`."""
    changes = [*_changes(start - _DAY, end + _DAY, zone)]
    begins = [start - _DAY, *changes]
    ends = [*changes, end + _DAY]
    for index, (begin, finish) in enumerate(zip(begins, ends, strict=True)):
        offset = _offset(begin, zone)
        past = (begin + offset - EPOCH) % length
        if index and past:
            yield begin
        mark = begin + (-past) % length
        while mark < finish:
            if start - length <= mark <= end + length:
                yield mark
            mark += length


def _changes(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the moments at which the offset changes. No zone has ever changed it twice within a day."""
    at = start
    while at < end:
        before = _offset(at, zone)
        if _offset(at + _DAY, zone) != before:
            yield _first(at, at + _DAY, lambda moment, before=before: _offset(moment, zone) != before)  # type: ignore[misc]
        at += _DAY


def _first(low: datetime, high: datetime, holds: Callable[[datetime], bool]) -> datetime:
    """Return the first whole second after `low` at which something holds that holds from then on."""
    low, high = (each.replace(microsecond=0) for each in (low, high))
    while high - low > _SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment at which the local clock shows this time or a later one."""
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local:
        return moment
    return _first(moment - _DAY, moment + _DAY, lambda at: at.astimezone(zone).replace(tzinfo=None) >= local)


def _quarters(first: date, last: date) -> Iterator[datetime]:
    for day in _days(first, last):
        yield from (day.replace(hour=hour) for hour in (0, 6, 12, 18))


def _days(first: date, last: date) -> Iterator[datetime]:
    for number in range((last - first).days + 1):
        yield datetime.combine(first + timedelta(days=number), time())


def _weeks(first: date, last: date) -> Iterator[datetime]:
    yield from (day for day in _days(first, last) if day.weekday() == 0)


def _months(first: date, last: date) -> Iterator[datetime]:
    yield from (day for day in _days(first, last) if day.day == 1)


_CALENDARS: dict[Interval, Callable[[date, date], Iterator[datetime]]] = {
    "6h": _quarters,
    "1d": _days,
    "1w": _weeks,
    "1M": _months,
}
