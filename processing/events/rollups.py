"""Sums up numeric fields per source and minute or hour of event time. Pure."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from math import copysign, isfinite
from operator import lt
from typing import NamedTuple

import msgspec

from processing.events.batch import MINUTE
from processing.events.entries import Entries, Entry
from processing.events.fields import MAX_FIELDS, MAX_PATH, Number, numeric_fields

MINUTES_PER_HOUR = 60
LARGEST = sys.float_info.max

_NUMBERS = frozenset({int, float})


class Span(msgspec.Struct, gc=False):
    """Statistics of one field over a span of event time.

    First and last are by event time; a tie goes to the larger id, so that the result depends on the set of
    events alone, never on their order.
    """

    count: int
    sum: float
    min: Number
    max: Number
    first: Number
    first_ts: int
    first_id: bytes
    last: Number
    last_ts: int
    last_id: bytes

    def merge(self, other: Span) -> None:
        """Add the events of another span to this one."""
        self.count += other.count
        self.sum = _bounded(self.sum + other.sum)
        self.min = min(self.min, other.min)
        self.max = max(self.max, other.max)
        if other.first_ts < self.first_ts or (other.first_ts == self.first_ts and other.first_id > self.first_id):
            self.first, self.first_ts, self.first_id = other.first, other.first_ts, other.first_id
        if (other.last_ts, other.last_id) > (self.last_ts, self.last_id):
            self.last, self.last_ts, self.last_id = other.last, other.last_ts, other.last_id


# (source, start in spans since the epoch) -> field -> statistics
Spans = dict[tuple[str, int], dict[str, Span]]
# (source, minutes since the epoch) -> the indexes of its events
Groups = dict[tuple[str, int], list[int]]


def roll_up(entries: Iterable[Entry]) -> tuple[Spans, Spans]:
    """Roll up events by minute and by hour."""
    minutes = by_minute(entries)
    return minutes, by_hour(minutes)


def by_minute(entries: Iterable[Entry]) -> Spans:
    """Roll up events by source and minute."""
    events = Entries.of(entries)
    return {key: fields for key, group in group_by_minute(events).items() if (fields := summarise(events, group))}


def group_by_minute(events: Entries) -> Groups:
    """Group the indexes of events by source and minute; those that are not to be rolled up are left out."""
    groups: Groups = {}
    times, rolled = events.times, events.rolled
    for source, indexes in events.by_source.items():
        for index in indexes:
            if rolled[index]:
                groups.setdefault((source, times[index] // MINUTE), []).append(index)
    return groups


def by_hour(minutes: Spans) -> Spans:
    """Fold minutes into hours; the minutes stay as they are."""
    hours: Spans = {}
    for (source, minute), fields in minutes.items():
        hour = hours.setdefault((source, minute // MINUTES_PER_HOUR), {})
        for name, span in fields.items():
            if name in hour:
                hour[name].merge(span)
            else:
                hour[name] = msgspec.structs.replace(span)
    return hours


def merge(spans: Spans, others: Spans) -> None:
    """Add other spans of the same width to these; what is new is taken over, not copied."""
    for key, fields in others.items():
        mine = spans.setdefault(key, {})
        for name, span in fields.items():
            if name in mine:
                mine[name].merge(span)
            else:
                mine[name] = span


def summarise(events: Entries, group: list[int]) -> dict[str, Span]:
    """Return the statistics of each numeric field of some events of a batch, given by their indexes."""
    times = [events.times[index] for index in group]
    # Most events come in order, and to see that takes half the time of sorting.
    if not all(map(lt, times, times[1:])):
        group = sorted(group, key=lambda index: (events.times[index], events.keys[index]))
    rows = events.row_values
    payloads = [rows[index] for index in group]
    spans = _alike(events, group, payloads)
    return _mixed(events, group, payloads) if spans is None else spans


def _alike(events: Entries, group: list[int], payloads: list[dict[str, object]]) -> dict[str, Span] | None:
    """Sum up column by column when all payloads are flat and have the same members; else None."""
    names = payloads[0]
    if len(names) > MAX_FIELDS or len(set(map(len, payloads))) > 1:
        return None
    place = _place(events, group)
    spans: dict[str, Span] = {}
    for name in names:
        try:
            column = [payload[name] for payload in payloads]
        except KeyError:
            return None
        kinds = set(map(type, column))
        if kinds <= _NUMBERS:
            if "." in name or "\\" in name or len(name) > MAX_PATH // 4:
                return None
            spans[name] = _span(place, column)  # type: ignore[arg-type]
        elif dict in kinds or kinds & _NUMBERS:
            return None
    return spans


def _mixed(events: Entries, group: list[int], payloads: list[dict[str, object]]) -> dict[str, Span]:
    columns: defaultdict[str, tuple[list[int], list[Number]]] = defaultdict(lambda: ([], []))
    for index, payload in zip(group, payloads, strict=True):
        for name, value in numeric_fields(payload).items():
            members, column = columns[name]
            members.append(index)
            column.append(value)
    return {name: _span(_place(events, members), column) for name, (members, column) in columns.items()}


class _Place(NamedTuple):
    """Where the first and the last of events stand that are sorted by (ts, id), with their times and ids."""

    first: int
    first_ts: int
    first_id: bytes
    last_ts: int
    last_id: bytes


def _place(events: Entries, group: list[int]) -> _Place:
    times, keys = events.times, events.keys
    first, last = 0, group[-1]
    while first + 1 < len(group) and times[group[first + 1]] == times[group[0]]:
        first += 1
    return _Place(first, times[group[first]], keys[group[first]][:16], times[last], keys[last][:16])


def _bounded(total: float) -> float:
    """Return the largest double for a sum beyond it; its events are still stored."""
    return total if isfinite(total) else copysign(LARGEST, total)


def _span(place: _Place, column: list[Number]) -> Span:
    """Build the statistics of one field; `column` has the values of its events, sorted by (ts, id)."""
    return Span(
        count=len(column),
        sum=_bounded(float(sum(column))),
        min=min(column),
        max=max(column),
        first=column[place.first],
        first_ts=place.first_ts,
        first_id=place.first_id,
        last=column[-1],
        last_ts=place.last_ts,
        last_id=place.last_id,
    )
