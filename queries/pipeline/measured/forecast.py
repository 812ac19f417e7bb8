"""When a volume is full, if it goes on as in the last days. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

# Seconds between the first sample and the last, below which a trend would be chance: a checkpoint or a compaction.
SHORTEST = 3_600
FARTHEST = 5 * 365 * 86_400  # seconds; what would be full later counts as steady

Trend = Literal["unknown", "steady", "filling"]


class Forecast(NamedTuple):
    """The trend of a volume."""

    trend: Trend
    full_in: float | None  # seconds from the last sample, if it is filling
    span: float  # seconds that were looked at


def forecast(points: Sequence[tuple[float, int]], *, total: int) -> Forecast:
    """Return when the straight line that fits best reaches the size of the volume.

    :param points: seconds and bytes used, in order of time
    """
    span = points[-1][0] - points[0][0] if points else 0.0
    if span < SHORTEST:
        return Forecast("unknown", None, span)
    slope = _slope(points)
    left = total - points[-1][1]
    if slope <= 0 or left / slope > FARTHEST:
        return Forecast("steady", None, span)
    return Forecast("filling", max(0.0, left / slope), span)


def _slope(points: Sequence[tuple[float, int]]) -> float:
    """Return bytes a second, by least squares."""
    mean_at = sum(at for at, _ in points) / len(points)
    mean_used = sum(used for _, used in points) / len(points)
    spread = sum((at - mean_at) ** 2 for at, _ in points)
    return sum((at - mean_at) * (used - mean_used) for at, used in points) / spread
