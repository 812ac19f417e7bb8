"""Deltas: what changed over a span of time, by kind of subscription, and how two spans are merged."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from dashboard.panels.columns import SHOWN_VALUES, ChartBucket, bucket_columns, event_columns
from dashboard.panels.snapshot_types import Overview
from dashboard.panels.status_news import StatusNews
from ingestion.auth.read_scope import ReadScope
from processing.live_feed import ConsumerFrame, SourceFrame, TailEvent
from queries.request.filter_line import matching
from queries.request.filter_line.terms import EVERYTHING_PASSES, FilterLine
from queries.schemas import EventShape

SHOWN_SOURCES = 50  # rows in the columns of `overview`; `seen` is the number of all
SHOWN_EVENTS = 50  # rows in the columns of `tail`
# Of what is held for viewers that can't take it: more than are shown, so that few rows lose counts by coming and going.
HELD_SOURCES = 200
HELD_BUCKETS = 1_000  # aggregates of one source; more than a page shows of one field
OUTCOMES = ("read", "stored", "duplicate", "deadLettered", "dropped")

Value = tuple[int, float]  # event time in microseconds, value
BucketKey = tuple[str, str]  # field, start


class Delta(Protocol):
    """Changes between `start` and `end` (monotonic seconds). Sums are added; of values with a key the latest stays."""

    start: float
    end: float

    def take(self, frame: ConsumerFrame) -> None:
        """Add the changes in one consumer's frame."""

    def brief(self) -> Self:
        """Return a copy of bounded size to hold: sums are exact, of rows only the newest are in it."""

    def add(self, later: Self) -> None:
        """Merge a later span into this one, which stays of bounded size. Keeps no reference into `later`."""

    def changed(self) -> bool:
        """Return whether there is anything to send."""

    def body(self) -> dict[str, object]:
        """Return the JSON of this span: `interval` in ms, sums, columns."""


def sources_within(frame: ConsumerFrame, scope: ReadScope) -> Iterable[tuple[str, SourceFrame]]:
    """Return the sources of a frame that are in a scope."""
    if scope.sources is None:
        return frame["sources"].items()
    # Costs no more than the smaller of both.
    return [(name, frame["sources"][name]) for name in frame["sources"].keys() & scope.sources]


def interval(delta: Delta) -> int:
    """Return the length of a span in ms."""
    return round((delta.end - delta.start) * 1000)


def newest(values: dict[str, Value], later: dict[str, Value]) -> None:
    """Merge `later` into `values`: for each field the value with the newest event time, at a tie the later one."""
    for name, value in later.items():
        known = values.get(name)
        if known is None or known[0] <= value[0]:
            values[name] = (value[0], value[1])


@dataclass(slots=True)
class StatusDelta:
    """The channel `status`: the state of the pipeline in short, if it has changed."""

    start: float
    end: float
    news: StatusNews | None = None

    def changed(self) -> bool:
        return self.news is not None

    def take(self, frame: ConsumerFrame) -> None:
        """Add nothing: frames say what was done, not how things are."""

    def brief(self) -> StatusDelta:
        return replace(self)

    def add(self, later: StatusDelta) -> None:
        self.end = later.end
        self.news = later.news or self.news

    def body(self) -> dict[str, object]:
        return {"interval": interval(self), **(self.news or {})}


@dataclass(slots=True)
class SourceCell:
    """The changes of one source in a span."""

    stored: int = 0
    last_seen: int = 0  # microseconds since the epoch
    values: dict[str, Value] = field(default_factory=dict)

    def add(self, stored: int, last_seen: int, values: dict[str, Value]) -> None:
        """Add further changes of the source."""
        self.stored += stored
        self.last_seen = max(self.last_seen, last_seen)
        newest(self.values, values)

    def brief(self) -> SourceCell:
        """Return a copy with the fields that are shown."""
        shown = sorted(self.values)[:SHOWN_VALUES]
        return SourceCell(self.stored, self.last_seen, {name: self.values[name] for name in shown})


@dataclass(slots=True)
class OverviewDelta:
    """The channel `overview`: sums of outcomes, sources with new events, the newest sample."""

    start: float
    end: float
    scope: ReadScope
    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    sources: dict[str, SourceCell] = field(default_factory=dict)
    sample: Overview | None = None  # totals, not changes
    seen: int = 0  # at least so many sources had new events; `sources` may be the newest of them

    def changed(self) -> bool:
        return self.sample is not None or bool(self.sources) or any(self.sums.values())

    def take(self, frame: ConsumerFrame) -> None:
        for source_id, source in sources_within(frame, self.scope):
            self._count(source)
            if source_id:
                self._cell(source_id).add(source["stored"], source["lastSeen"], source["values"])

    def brief(self) -> OverviewDelta:
        kept = {source_id: cell.brief() for source_id, cell in self._latest(HELD_SOURCES)}
        return OverviewDelta(self.start, self.end, self.scope, dict(self.sums), kept, self.sample, self._seen())

    def add(self, later: OverviewDelta) -> None:
        self.end = later.end
        self.sample = later.sample or self.sample
        for outcome, count in later.sums.items():
            self.sums[outcome] += count
        for source_id, cell in later.sources.items():
            self._cell(source_id).add(cell.stored, cell.last_seen, cell.values)
        self.seen = max(self._seen(), later.seen)
        if len(self.sources) > 2 * HELD_SOURCES:
            self.sources = {source_id: cell.brief() for source_id, cell in self._latest(HELD_SOURCES)}

    def body(self) -> dict[str, object]:
        shown = self._latest(SHOWN_SOURCES)
        body: dict[str, object] = {
            "interval": interval(self),
            "sums": self.sums,
            "seen": self._seen(),
            "shown": len(shown),
            "columns": {
                "sourceId": [source_id for source_id, _ in shown],
                "lastSeen": [cell.last_seen // 1000 for _, cell in shown],
                "stored": [cell.stored for _, cell in shown],
                "values": [shown_values(cell) for _, cell in shown],
            },
        }
        return body if self.sample is None else body | {"sample": self.sample}

    def _count(self, source: SourceFrame) -> None:
        self.sums["read"] += source["read"]
        self.sums["stored"] += source["stored"]
        self.sums["duplicate"] += source["duplicate"]
        self.sums["deadLettered"] += source["deadLettered"]
        self.sums["dropped"] += source["dropped"]

    def _seen(self) -> int:
        return max(self.seen, len(self.sources))

    def _latest(self, most: int) -> list[tuple[str, SourceCell]]:
        return heapq.nlargest(most, self.sources.items(), key=lambda item: item[1].last_seen)

    def _cell(self, source_id: str) -> SourceCell:
        return self.sources.setdefault(source_id, SourceCell())


def shown_values(cell: SourceCell) -> dict[str, float]:
    """Return the values of the first few fields of a source, by name."""
    return {name: cell.values[name][1] for name in sorted(cell.values)[:SHOWN_VALUES]}


@dataclass(slots=True)
class SeriesDelta:
    """The channel `series`: the newest values of one source, and its changed aggregates."""

    start: float
    end: float
    scope: ReadScope
    source_id: str
    stored: int = 0
    values: dict[str, Value] = field(default_factory=dict)
    buckets: dict[BucketKey, ChartBucket] = field(default_factory=dict)

    def changed(self) -> bool:
        return bool(self.stored or self.values or self.buckets)

    def take(self, frame: ConsumerFrame) -> None:
        source = frame["sources"].get(self.source_id)
        if source is None or not self.scope.includes(self.source_id):
            return
        self.stored += source["stored"]
        newest(self.values, source["values"])

    def brief(self) -> SeriesDelta:
        made = SeriesDelta(
            self.start, self.end, self.scope, self.source_id, self.stored, dict(self.values), dict(self.buckets)
        )
        made.shorten()
        return made

    def add(self, later: SeriesDelta) -> None:
        self.end = later.end
        self.stored += later.stored
        newest(self.values, later.values)
        self.buckets.update(later.buckets)
        self.shorten()

    def shorten(self) -> None:
        """Remove the oldest aggregates past HELD_BUCKETS; who paused for so long needs a new snapshot."""
        if len(self.buckets) > HELD_BUCKETS:
            kept = heapq.nlargest(HELD_BUCKETS, self.buckets, key=lambda key: key[1])
            self.buckets = {key: self.buckets[key] for key in kept}

    def body(self) -> dict[str, object]:
        return {
            "interval": interval(self),
            "sums": {"stored": self.stored},
            "columns": {
                "field": list(self.values),
                "at": [at // 1000 for at, _ in self.values.values()],
                "value": [value for _, value in self.values.values()],
            },
            "buckets": bucket_columns(list(self.buckets.values())),
        }


@dataclass(slots=True)
class TailDelta:
    """The channel `tail`: the newest events of the sources in a scope that pass a filter.

    A frame has all events in its counts, and a sample of them in its tail. What passes a filter by source is counted; by
    anything else it is known of the sample alone.
    """

    start: float
    end: float
    scope: ReadScope
    line: FilterLine = EVERYTHING_PASSES
    fields: tuple[str, ...] = ()  # paths, whose texts come with the events
    stored: int = 0  # of the sources of the filter
    looked: int = 0  # of these in the sample
    passed: int = 0  # of these that pass
    sampled: bool = False  # read from the store, so the number of all events is unknown
    events: deque[TailEvent | EventShape] = field(default_factory=lambda: deque(maxlen=SHOWN_EVENTS))

    def changed(self) -> bool:
        return bool(self.passed or self.events or (self.stored and not self.line.inner))

    def take(self, frame: ConsumerFrame) -> None:
        if self.scope.whole and not self.line:
            self.stored += frame["seen"]
            self._take(frame["tail"])
            return
        self.stored += sum(
            source["stored"]
            for name, source in sources_within(frame, self.scope)
            if matching.passes_source(self.line, name)
        )
        self._take([event for event in frame["tail"] if self._is_of_sources(event["sourceId"])])

    def brief(self) -> TailDelta:
        copied = replace(self)
        copied.events = self.events.copy()
        return copied

    def add(self, later: TailDelta) -> None:
        self.end = later.end
        self.stored += later.stored
        self.looked += later.looked
        self.passed += later.passed
        self.sampled = self.sampled or later.sampled
        self.events.extend(later.events)

    def body(self) -> dict[str, object]:
        return {
            "interval": interval(self),
            "seen": self._seen(),
            "stored": None if self.sampled else max(self.stored, self.looked),
            "looked": self.looked,
            "shown": len(self.events),
            "columns": event_columns(list(self.events), self.fields),
        }

    def _seen(self) -> int | None:
        """Return how many events passed; None: only a sample was looked at, or the store."""
        if self.sampled:
            return None
        if not self.line.inner:
            return max(self.stored, self.looked, len(self.events))
        return self.passed if self.looked >= self.stored else None

    def _take(self, sample: Sequence[TailEvent]) -> None:
        passing = [event for event in sample if self._passes(event)] if self.line.inner else sample
        self.looked += len(sample)
        self.passed += len(passing)
        self.events.extend(passing)

    def _is_of_sources(self, source_id: str) -> bool:
        return self.scope.includes(source_id) and matching.passes_source(self.line, source_id)

    def _passes(self, event: TailEvent) -> bool:
        return matching.passes(self.line, source_id=event["sourceId"], payload=event["payload"], tags=event["tags"])
