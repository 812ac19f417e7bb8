"""Charts for readers without JavaScript: paths of SVG elements, with gaps as gaps. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict

from dashboard.panels import axes
from dashboard.panels.axes import Label

WIDTH, HEIGHT, EDGE = 600.0, 120.0, 4.0

Column = Sequence[float | None]


class Drawing(TypedDict):
    """A line within a band, in a box of WIDTH by HEIGHT."""

    mean: str
    band: str
    before: str  # the line of the time that it is compared with
    low: float | None  # the lowest value; None: there is none
    high: float | None
    values: list[Label]  # of its axis


def draw(time: Sequence[int], columns: tuple[Column, Column, Column], *, span: tuple[int, int], bridged: int = 0,
         before: Column | None = None, is_log: bool = False) -> Drawing:  # fmt: skip
    """Return the drawing of one field.

    :param time: the start of each bucket, ms since the epoch
    :param columns: average, lowest and highest of each bucket
    :param span: the ends of the axis, as `time`
    :param bridged: how many empty buckets in a row are no gap
    :param is_log: by the logarithm, if all values are positive
    """
    average, lowest, highest = columns
    known = [value for column in (lowest, highest, before or ()) for value in column if value is not None]
    if not known:
        return {"mean": "", "band": "", "before": "", "low": None, "high": None, "values": []}
    is_bent = is_log and min(known) > 0
    bend = _log if is_bent else float
    low, high = bend(min(known)), bend(max(known))

    def point(index: int, value: float) -> str:
        # Halved before the subtraction, so that the full range of a double does not overflow.
        share = (bend(value) / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
        across = (time[index] - span[0]) / max(1, span[1] - span[0])
        return f"{across * WIDTH:.1f} {HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE):.1f}"

    def line(column: Column) -> str:
        # A single point is a short dash.
        return "".join(
            "M" + "L".join(point(index, column[index] or 0.0) for index in run) + ("h1.5" if len(run) == 1 else "")
            for run in runs(column, bridged)
        )

    band = "".join(
        "M"
        + "L".join([point(i, highest[i] or 0.0) for i in run] + [point(i, lowest[i] or 0.0) for i in reversed(run)])
        + "z"
        for run in runs(highest, bridged)
        if len(run) > 1
    )
    return {
        "mean": line(average),
        "band": band,
        "before": "" if before is None else line(before),
        "low": min(value for value in lowest if value is not None) if any(v is not None for v in lowest) else None,
        "high": max(value for value in highest if value is not None) if any(v is not None for v in highest) else None,
        "values": axes.of_values(min(known), max(known), is_log=is_bent, edge=EDGE / HEIGHT),
    }


def runs(column: Column, bridged: int) -> list[list[int]]:
    """Return the indexes of the values between gaps."""
    found: list[list[int]] = []
    for index, value in enumerate(column):
        if value is None:
            continue
        if found and index - found[-1][-1] <= bridged + 1:
            found[-1].append(index)
        else:
            found.append([index])
    return found


def _log(value: float) -> float:
    return math.log10(value)
