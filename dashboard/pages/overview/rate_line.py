"""The chart of the rate for readers without JavaScript: points for SVG elements."""

from __future__ import annotations

from typing import NamedTuple

from queries.pipeline.rate_history import RateHistory

WIDTH, HEIGHT = 600.0, 120.0


class RateLines(NamedTuple):
    """Points of two polylines, and the highest rate."""

    read: str
    stored: str
    highest: float


def of(rate: RateHistory) -> RateLines | None:
    """Return the lines of a rate; None: there is no line yet."""
    count = len(rate["at"])
    if count < 2:
        return None
    highest = max(*rate["read"], *rate["stored"])

    def points(values: list[float]) -> str:
        return " ".join(
            f"{place / (count - 1) * WIDTH:.1f},{HEIGHT - value / (highest or 1) * (HEIGHT - 8) - 4:.1f}"
            for place, value in enumerate(values)
        )

    return RateLines(points(rate["read"]), points(rate["stored"]), highest)
