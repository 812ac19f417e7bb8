"""The chart of the rate for readers without JavaScript: SVG paths, and the labels of its axes. Pure."""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

from dashboard.panels import axes
from dashboard.panels.axes import Label
from queries.pipeline.rate_history import RateHistory
from queries.request.times import parse_time, to_micros

WIDTH, HEIGHT, EDGE = 600.0, 120.0, 4.0
# As the scripts' chart of the rate.
ZONE = ZoneInfo("UTC")


class RateLines(NamedTuple):
    """Two lines in a box of WIDTH by HEIGHT, from 0 to the highest rate."""

    read: str
    stored: str
    values: list[Label]
    times: list[Label]


def of(rate: RateHistory) -> RateLines | None:
    """Return the lines of a rate; None: there is no line yet."""
    count = len(rate["at"])
    if count < 2:
        return None
    highest = max(*rate["read"], *rate["stored"]) or 1.0
    start, end = (to_micros(parse_time(rate["at"][place])) // 1_000 for place in (0, -1))

    def line(values: list[float]) -> str:
        return "M" + "L".join(
            f"{place / (count - 1) * WIDTH:.1f} {HEIGHT - EDGE - value / highest * (HEIGHT - 2 * EDGE):.1f}"
            for place, value in enumerate(values)
        )

    return RateLines(
        line(rate["read"]),
        line(rate["stored"]),
        axes.of_values(0.0, highest, edge=EDGE / HEIGHT),
        axes.of_times(start, end, zone=ZONE),
    )
