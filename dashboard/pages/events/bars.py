"""The histogram as bars of an SVG, and as a table of its buckets."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypedDict

from dashboard.pages.events.wanted import Wanted
from queries.events.histogram import Histogram
from queries.request.times import format_time, parse_time

HEIGHT = 100
GAP = 0.12  # of a bar


class Bar(TypedDict):
    """A bucket; x and width in buckets, y and height in hundredths."""

    x: str
    width: str
    y: str
    height: str
    start: str
    end: str
    count: int
    isAbout: bool  # it is by the ledger, and not counted
    address: str  # of its events alone


class Bars(TypedDict):
    """A histogram, ready to be drawn."""

    kind: Literal["exact", "newest", "about"]
    since: str  # the start of what was counted
    uncounted: str  # width of what is not known, in buckets
    start: str
    middle: str
    end: str
    startMs: int
    endMs: int
    width: str  # buckets
    seconds: int
    total: int
    most: int
    bars: list[Bar]


def rounded(count: int) -> int:
    """Return a number with its first three digits."""
    return round(count, 3 - len(str(count)))


def of(found: Histogram, wanted: Wanted, *, start: datetime, end: datetime) -> Bars:
    """Return a histogram over a range as bars."""
    most = max((bucket["count"] for bucket in found["buckets"]), default=0)
    span = (end - start).total_seconds()
    since = max(start, parse_time(found["since"]))
    bars: list[Bar] = []
    for bucket in found["buckets"]:
        # The first and the last bucket may reach over the range.
        begin = max(0.0, (parse_time(bucket["start"]) - start).total_seconds())
        stop = min(span, (parse_time(bucket["end"]) - start).total_seconds())
        wide, high = (stop - begin) / found["seconds"], max(1.5, HEIGHT * bucket["count"] / most)
        bars.append(
            {
                "x": f"{begin / found['seconds'] + GAP / 2 * wide:.3f}",
                "width": f"{wide * (1 - GAP):.3f}",
                "y": f"{HEIGHT - high:.2f}",
                "height": f"{high:.2f}",
                "start": bucket["start"],
                "end": bucket["end"],
                "count": bucket["count"],
                "isAbout": found["kind"] == "about" and parse_time(bucket["start"]) < since,
                "address": wanted.address(start=bucket["start"], end=bucket["end"]),
            }
        )
    unknown = (since - start).total_seconds() if found["kind"] == "newest" else 0.0
    return {
        "kind": found["kind"],
        "since": found["since"],
        "uncounted": f"{unknown / found['seconds']:.3f}",
        "start": format_time(start),
        "middle": format_time(start + (end - start) / 2),
        "end": format_time(end),
        "startMs": round(start.timestamp() * 1000),
        "endMs": round(end.timestamp() * 1000),
        "width": f"{span / found['seconds']:.3f}",
        "seconds": found["seconds"],
        "total": rounded(found["total"]) if found["kind"] == "about" else found["total"],
        "most": most,
        "bars": bars,
    }
