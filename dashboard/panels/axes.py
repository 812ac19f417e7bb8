"""The labels of a chart that the server draws: a few round values and times, with their places. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

VALUES, TIMES = 4, 4  # labels of an axis, at most
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_STEPS = (
    *(10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(_DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY, 91 * _DAY, 182 * _DAY, 365 * _DAY, 1_826 * _DAY, 3_652 * _DAY),
)
# How a time is written on an axis of up to so many seconds; js/source-charts.js writes it alike.
_FORMS = ((300, "{:%H:%M:%S}"), (2 * _DAY, "{:%H:%M}"), (10 * _DAY, "{:%m-%d %H:%M}"))
_LONG_FORM = "{:%Y-%m-%d}"


class Label(NamedTuple):
    """A text at a place of an axis."""

    place: str  # percent of its length, from the left or the top
    text: str


def of_values(low: float, high: float, *, is_log: bool = False, edge: float = 0.0) -> list[Label]:
    """Return labels between the lowest and the highest value.

    :param is_log: whether values are drawn by their logarithm; both are positive then
    :param edge: the share of the height above the highest and below the lowest
    """
    bend = math.log10 if is_log else float
    first, last = bend(low), bend(high)

    def label(value: float) -> Label:
        # Halved before the subtraction, so that the full range of a double does not overflow.
        share = (bend(value) / 2 - first / 2) / (last / 2 - first / 2) if last > first else 0.5
        return Label(f"{100 * (1 - edge - share * (1 - 2 * edge)):.2f}%", f"{value:,.6g}")

    found = _powers(low, high) if is_log else _round_values(low, high)
    return [label(value) for value in (found if len(found) > 1 else sorted({low, high}))]


def of_times(start: int, end: int, *, zone: ZoneInfo) -> list[Label]:
    """Return labels of a time axis.

    :param start: of the axis, as `end` in ms since the epoch
    """
    length = max(1, end - start) / 1_000
    step = next((each for each in _STEPS if each >= length / TIMES), _STEPS[-1])
    form = next((form for longest, form in _FORMS if length <= longest), _LONG_FORM)
    # Round in the reader's zone.
    ahead = (_local(start, zone).utcoffset() or timedelta()).total_seconds()
    first = math.ceil((start / 1_000 + ahead) / step) * step - ahead
    places = [first + number * step for number in range(TIMES + 1)]
    return [
        Label(f"{100 * (each - start / 1_000) / length:.2f}%", form.format(_local(each * 1_000, zone)))
        for each in places
        if each <= end / 1_000
    ]


def _round_values(low: float, high: float) -> list[float]:
    """Return the multiples of 1, 2 or 5 with a power of ten."""
    width = high - low
    if not 0 < width < math.inf:
        return []
    power = 10.0 ** math.floor(math.log10(width / VALUES)) if width / VALUES > 0 else 0.0
    step = next((power * times for times in (1, 2, 5, 10) if power * times >= width / VALUES), 0.0)
    if not step or not math.isfinite(low / step):
        return []
    first = math.ceil(low / step)
    # A step that is too small for the values would be lost in rounding.
    found = [(first + number) * step for number in range(VALUES + 1)]
    return sorted({value for value in found if low <= value <= high})


def _powers(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    every = max(1, math.ceil((last - first + 1) / VALUES))
    return [value for power in range(first, last + 1, every) if low <= (value := 10.0**power) <= high]


def _local(milliseconds: float, zone: ZoneInfo) -> datetime:
    """Return a time in a zone; the first and last hours of the calendar stay in UTC."""
    time = datetime.fromtimestamp(milliseconds / 1_000, tz=UTC)
    try:
        return time.astimezone(zone)
    except OverflowError:
        return time
