"""The last half hour of a source as a small SVG chart: points for its elements, no styles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

WIDTH, HEIGHT = 120, 24


class Spark(TypedDict):
    """Bars as two paths, in a box of WIDTH by HEIGHT, and the chart in words."""

    all: str
    failed: str
    text: str


def spark(events: Sequence[int], failed: Sequence[int]) -> Spark:
    """Return the chart of the events of each minute, and of those that became dead letters."""
    most = max(events, default=0)
    text = f"{sum(events):,} events in {len(events)} minutes, at most {most:,} in one"
    if sum(failed):
        text += f"; {sum(failed):,} became dead letters"
    return {"all": _bars(events, most), "failed": _bars(failed, most), "text": text}


def _bars(counts: Sequence[int], most: int) -> str:
    step = WIDTH / max(1, len(counts))
    bars = []
    for place, count in enumerate(counts):
        if count:
            height = max(1.5, HEIGHT * count / most)
            bars.append(f"M{place * step:.1f} {HEIGHT}v-{height:.1f}h{step - 1:.1f}v{height:.1f}z")
    return "".join(bars)
