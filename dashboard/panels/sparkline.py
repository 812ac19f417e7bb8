"""Charts for readers without JavaScript: points for SVG elements, no styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.panels.columns import ChartBucket
from queries.request.times import parse_time

WIDTH, HEIGHT = 600.0, 120.0


@dataclass(frozen=True, slots=True)
class FieldCard:
    """One numeric field: its latest value, and its aggregates as a line within a band."""

    name: str
    latest: float | None = None
    low: float | None = None
    high: float | None = None
    mean: str = ""  # points of a polyline
    band: str = ""  # points of a polygon from lowest to highest


def field_card(name: str, latest: float | None, buckets: Sequence[ChartBucket]) -> FieldCard:
    """Return the card of a field.

    :param buckets: of this field only, in order of start
    """
    if not buckets:
        return FieldCard(name, latest)
    low, high = min(bucket["min"] for bucket in buckets), max(bucket["max"] for bucket in buckets)
    if len(buckets) == 1:
        return FieldCard(name, latest, low, high)
    times = [parse_time(bucket["start"]).timestamp() for bucket in buckets]
    first, span = times[0], times[-1] - times[0]

    def point(at: float, value: float) -> str:
        # Halved before the subtraction, so that the full range of a double does not overflow.
        share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
        return f"{(at - first) / span * WIDTH:.1f},{HEIGHT - share * (HEIGHT - 8) - 4:.1f}"

    mean = [point(at, bucket["avg"]) for at, bucket in zip(times, buckets, strict=True) if bucket["avg"] is not None]
    upper = [point(at, bucket["max"]) for at, bucket in zip(times, buckets, strict=True)]
    lower = [point(at, bucket["min"]) for at, bucket in zip(times, buckets, strict=True)]
    return FieldCard(name, latest, low, high, " ".join(mean), " ".join(upper + lower[::-1]))
