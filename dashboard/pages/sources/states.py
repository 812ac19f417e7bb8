"""The states of a source as bands over time: places in an SVG, words, and rows of a table. Pure but for the read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypedDict

from dashboard.pages.sources.field_choice import STATES
from dashboard.pages.sources.ranges import ChartRange
from ingestion.auth.read_scope import ReadScope
from queries.request.times import format_time, from_micros
from queries.sources import state_runs
from queries.sources.state_runs import TOP, Run

COLUMNS = 160  # of the range; values that change faster than one are drawn as one band
ROWS = 500  # of a table, and of a field in JSON
LABELLED = 8.0  # percent of the width, from which a band has its value written into it
NARROWEST = 0.25  # percent
OTHERS, MIXED = TOP, TOP + 1  # the patterns after those of the values


class RunShape(TypedDict):
    """A value from its first event to the next event that has another one."""

    value: str | None  # None: one of the less frequent values
    start: str
    end: str
    seconds: float
    events: int


class StateField(TypedDict):
    """A text or boolean field over the range."""

    field: str
    runs: list[RunShape]  # newest first
    moreRuns: int  # older ones that are not among them


class States(TypedDict):
    """The states of a source over a range."""

    fields: list[StateField]
    sampledSeconds: float | None  # of each so many seconds a few events were read; None: every event was
    more: int  # fields that are not among them


class Band(NamedTuple):
    """A part of a timeline."""

    x: str  # percent of the width, as `width`
    width: str
    pattern: int
    label: str  # written into it; empty: it is too narrow
    value: str
    start: int  # ms since the epoch
    seconds: float


class Part(NamedTuple):
    """A value of the legend."""

    pattern: int
    value: str
    seconds: float
    percent: float  # of the range
    times: int  # how often it began


class Timeline(NamedTuple):
    """A field, ready to be drawn."""

    field: str
    bands: list[Band]
    parts: list[Part]  # the longest first
    now: str | None  # the value at the end of the range; None: a gap
    mixed: int  # bands of several values


class Found(NamedTuple):
    """The states as data and as timelines."""

    data: States
    timelines: list[Timeline]


def read(names: Sequence[str], span: ChartRange, *, gap: float, within: ReadScope, now: datetime) -> Found:
    """Read the states of the first fields.

    :param gap: seconds without an event that are no gap
    :param within: the source
    :raises ReadUnavailable: PostgreSQL does not answer, or not in time
    """
    shown = names[:STATES]
    if not shown:
        return Found({"fields": [], "sampledSeconds": None, "more": 0}, [])
    found = state_runs.read(shown, span.start, span.end, gap=gap, within=within, now=now)
    fields: list[StateField] = [
        {"field": name, "runs": [_shape(run) for run in runs[-ROWS:][::-1]], "moreRuns": max(0, len(runs) - ROWS)}
        for name, runs in found["fields"].items()
    ]
    return Found(
        {"fields": fields, "sampledSeconds": found["sampled"], "more": len(names) - len(shown)},
        [timeline(name, runs, span.milliseconds) for name, runs in found["fields"].items()],
    )


def timeline(name: str, runs: Sequence[Run], span: tuple[int, int]) -> Timeline:
    """Return the timeline of a field.

    :param span: the ends of the range, ms since the epoch
    """
    seconds: dict[str | None, float] = defaultdict(float)
    times: dict[str | None, int] = defaultdict(int)
    for run in runs:
        seconds[run.value] += (run.end - run.start) / 1_000
        times[run.value] += 1
    # "others" last, whatever it lasted.
    order = sorted(seconds, key=lambda value: (value is None, -seconds[value], value or ""))
    patterns = {value: OTHERS if value is None else place for place, value in enumerate(order)}
    length = max(1, span[1] - span[0])
    bands = [_band(group, patterns, span) for group in _grouped(runs, length / COLUMNS)]
    parts = [
        Part(patterns[value], words(value), seconds[value], 100_000 * seconds[value] / length, times[value])
        for value in order
    ]
    newest = runs[-1] if runs else None
    is_known = newest is not None and newest.end > newest.last
    return Timeline(
        name, bands, parts, words(newest.value) if newest and is_known else None, sum(b.pattern == MIXED for b in bands)
    )


def words(value: str | None) -> str:
    """Return a value as people read it."""
    return "others" if value is None else value or "(empty)"


def _grouped(runs: Sequence[Run], column: float) -> list[list[Run]]:
    """Return the runs, those together that follow each other faster than a column."""
    groups: list[list[Run]] = []
    for run in runs:
        before = groups[-1] if groups else []
        is_short = run.end - run.start < column
        # Across short gaps, too: a timeline has no more bands than it has room for.
        if before and is_short and run.end - before[0].start < column:
            before.append(run)
        else:
            groups.append([run])
    return groups


def _band(group: Sequence[Run], patterns: dict[str | None, int], span: tuple[int, int]) -> Band:
    length = max(1, span[1] - span[0])
    start, end = group[0].start, group[-1].end
    values = {run.value for run in group}
    width = 100 * (end - start) / length
    text = (
        words(group[0].value) if len(values) == 1 else f"{len(group)} changes: {', '.join(sorted(map(words, values)))}"
    )
    return Band(
        x=f"{min(100 * (start - span[0]) / length, 100 - NARROWEST):.3f}%",
        width=f"{max(width, NARROWEST):.3f}%",
        pattern=patterns[group[0].value] if len(values) == 1 else MIXED,
        label=text if width >= LABELLED else "",
        value=text,
        start=start,
        seconds=(end - start) / 1_000,
    )


def _shape(run: Run) -> RunShape:
    return {
        "value": run.value,
        "start": format_time(from_micros(run.start * 1_000)),
        "end": format_time(from_micros(run.end * 1_000)),
        "seconds": (run.end - run.start) / 1_000,
        "events": run.events,
    }
