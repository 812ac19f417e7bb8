"""Which range of time the charts of a source show, and by which aggregates. Pure: the time comes in as an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.panels.columns import Interval
from queries.request.query_params import InvalidParameter, nearest
from queries.request.times import InvalidTime, parse_moment, shifted, to_micros

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RANGES: Mapping[str, tuple[timedelta, str]] = {
    "15m": (15 * MINUTE, "15 min"),
    "1h": (HOUR, "1 h"),
    "6h": (6 * HOUR, "6 h"),
    "24h": (DAY, "24 h"),
    "7d": (7 * DAY, "7 d"),
    "30d": (30 * DAY, "30 d"),
    "1y": (366 * DAY, "1 year"),
}
USUAL = "1h"
LENGTHS: Mapping[Interval, timedelta] = {"1m": MINUTE, "1h": HOUR, "1d": DAY}
COARSER: Mapping[Interval, tuple[tuple[Interval, Interval], ...]] = {
    "1m": (("1h", "1m"), ("1d", "1h")),
    "1h": (("1d", "1h"),),
}
# The longest range that is shown by minute, by hour; longer ones by day.
LONGEST: tuple[tuple[timedelta, Interval], ...] = ((25 * HOUR, "1m"), (32 * DAY, "1h"))
MOST = timedelta(days=9_000)  # of one chart
LEAST = 2 * MINUTE
SENDINGS = 60  # that a range shows at least, where it is not chosen
FEWEST = 12  # buckets; a slow source's are no longer than so many fit into the range
COMPARED = {"day": DAY, "week": 7 * DAY}
# What a parameter of the page may be, beside those that say which range.
CHOICES = {"compare": tuple(COMPARED), "scale": ("log",), "view": ("table",)}
PARAMETERS = ("range", "from", "to", "field", "find", *CHOICES)


@dataclass(frozen=True, slots=True)
class ChartRange:
    """A range of event time, and the buckets that divide it."""

    start: datetime
    end: datetime
    interval: Interval
    name: str | None  # of RANGES; None: it was chosen by its ends, or is not of the present
    is_live: bool  # it ends with the running minute

    @property
    def bucket(self) -> timedelta:
        """Return the length of a bucket."""
        return LENGTHS[self.interval]

    @property
    def milliseconds(self) -> tuple[int, int]:
        """Return the ends in ms since the epoch."""
        return to_micros(self.start) // 1_000, to_micros(self.end) // 1_000

    def bridged(self, habit: float | None) -> int:
        """Return how many buckets without an event are no gap, for events that are further apart than they are long."""
        return 0 if habit is None else max(0, round(3 * habit / self.bucket.total_seconds()) - 1)

    def earlier(self, by: timedelta) -> tuple[datetime, datetime]:
        """Return the same range before."""
        return shifted(self.start, -by), shifted(self.end, -by)


def chosen(given: Mapping[str, str], *, newest: datetime | None, habit: float | None, now: datetime) -> ChartRange:
    """Return the range that parameters choose, or one in which the source has something to show.

    :param newest: the newest event; None: there is none
    :param habit: seconds between the times of two events; None: not known
    :raises InvalidParameter: one of them can't be used
    """
    for name, choices in CHOICES.items():
        if given.get(name) and given[name] not in choices:
            raise InvalidParameter(name, f"{name}: expected {nearest(given[name], choices)}")
    if given.get("from") or given.get("to"):
        start, end = _ends(given, now)
        return ChartRange(start, end, _interval(end - start, habit), None, is_live=False)
    name = given.get("range") or ""
    if name and name not in RANGES:
        raise InvalidParameter("range", f"range: expected one of {', '.join(RANGES)}")
    length = RANGES[name or _usual(habit)][0]
    if not name and newest is not None and newest < now - length:
        # Nothing of the present: what there is, with its newest event.
        end = newest + LEAST / 2
        return ChartRange(end - length, end, _interval(length, habit), None, is_live=False)
    # With the running minute as a whole: within it the same charts are drawn.
    end = now.replace(second=0, microsecond=0) + MINUTE
    return ChartRange(end - length, end, _interval(length, habit), name or _usual(habit), is_live=True)


def _usual(habit: float | None) -> str:
    wanted = timedelta(seconds=min(habit or 0.0, 86_400.0 * 366)) * SENDINGS
    return next((name for name, (length, _) in RANGES.items() if length >= max(wanted, HOUR)), "1y")


def _interval(length: timedelta, habit: float | None) -> Interval:
    by_day: Interval = "1d"
    finest = found = next((interval for longest, interval in LONGEST if length <= longest), by_day)
    # Of a source that sends less often than every bucket, longer buckets make a line of its points.
    for interval, shorter in COARSER.get(finest, ()):
        is_slow = habit is not None and habit > 1.5 * LENGTHS[shorter].total_seconds()
        if is_slow and length >= FEWEST * LENGTHS[interval]:
            found = interval
    return found


def _ends(given: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    end = _moment("to", given.get("to") or "now", now)
    start = _moment("from", given["from"], now) if given.get("from") else shifted(end, -HOUR)
    if start >= end:
        raise InvalidParameter("from", "from: expected a time before `to`")
    if end - start > MOST:
        start = shifted(end, -MOST)
    return min(start, shifted(end, -LEAST)), end


def _moment(name: str, text: str, now: datetime) -> datetime:
    try:
        return parse_moment(text.strip(), now=now)
    except InvalidTime as error:
        raise InvalidParameter(name, f"{name}: {error}") from error
