"""How many letters came in over time, as bars of an SVG image. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

WIDTH, HEIGHT = 120, 24  # of the view box


class Bar(TypedDict):
    """One bar, from the bottom."""

    x: float
    y: float
    width: float
    height: float


def bars(counts: Sequence[int]) -> list[Bar]:
    """Return a bar for each count that is not 0; the highest has the whole height, and none is thinner than a line."""
    most, step = max(counts, default=0), WIDTH / max(1, len(counts))
    found: list[Bar] = []
    for place, count in enumerate(counts):
        if count:
            height = max(2.0, round(count / most * HEIGHT, 1))
            found.append(
                {"x": round(place * step, 2), "y": HEIGHT - height, "width": round(step * 0.8, 2), "height": height}
            )
    return found
