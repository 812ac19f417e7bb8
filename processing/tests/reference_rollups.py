"""Rollups the slow and obvious way, to hold those of the product against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MINUTE = 60_000_000  # microseconds
HOUR = 60 * MINUTE


@dataclass(frozen=True, slots=True)
class Sent:
    """An event as its sender knows it."""

    source: str
    id: str
    ts: int  # microseconds since the epoch
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known of one field over one span of event time; times in microseconds since the epoch."""

    count: int
    sum: float
    min: float
    max: float
    first: float
    first_ts: int
    first_id: str
    last: float
    last_ts: int
    last_id: str

    def agrees(self, other: Statistics) -> bool:
        """Equal, but for the last digits of the sum."""
        near = abs(self.sum - other.sum) <= 1e-9 * max(1.0, abs(self.sum), abs(other.sum))
        return near and {**_members(self), "sum": 0} == {**_members(other), "sum": 0}


Rollups = dict[tuple[str, str, int], Statistics]  # (source, field, start in microseconds)


def rollups(events: Iterable[Sent], *, span: int) -> Rollups:
    """Sum up each field of each source by spans of so many microseconds."""
    found: dict[tuple[str, str, int], list[tuple[int, str, float]]] = {}
    for event in events:
        for field, value in sorted(_numbers(event.payload, ()))[:64]:
            found.setdefault((event.source, field, event.ts // span * span), []).append((event.ts, event.id, value))
    return {key: _statistics(values) for key, values in found.items()}


def latest(events: Iterable[Sent]) -> dict[tuple[str, str], tuple[float, int, str]]:
    """The value of each source's field in its newest event, that event's time and id."""
    found: dict[tuple[str, str], tuple[int, str, float]] = {}
    for event in events:
        for field, value in sorted(_numbers(event.payload, ()))[:64]:
            candidate = (event.ts, event.id, value)
            found[event.source, field] = max(found.get((event.source, field), candidate), candidate)
    return {key: (value, ts, id_) for key, (ts, id_, value) in found.items()}


def _numbers(members: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    for key, value in members.items():
        here = (*path, key.replace("\\", "\\\\").replace(".", "\\."))
        if type(value) is dict:
            yield from _numbers(value, here)
        elif type(value) in (int, float) and len(".".join(here).encode()) <= 256:
            yield ".".join(here), value


def _statistics(values: list[tuple[int, str, float]]) -> Statistics:
    oldest = min(ts for ts, _, _ in values)
    first = max(one for one in values if one[0] == oldest)
    last = max(values)
    numbers = [value for _, _, value in values]
    return Statistics(
        len(values), float(sum(numbers)), min(numbers), max(numbers), first[2], *first[:2], last[2], *last[:2]
    )


def _members(statistics: Statistics) -> dict[str, object]:
    return {name: getattr(statistics, name) for name in Statistics.__slots__}
