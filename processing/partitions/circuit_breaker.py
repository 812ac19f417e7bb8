"""The circuit breaker: sets a source with too many dead letters aside; pauses a partition with too many of many sources.

No input or output. What one source spoils is the business of its sender: the letters are kept, the other sources go on,
and receivers throttle it (processing.partitions.failing_sources). What many sources spoil at once is rarely their events:
a schema, a codec, a bug of ours. So the partition is paused before it fills the table. Once that is fixed, an operator
resumes it (`manage.py partitions`). Until then its records wait in Kafka; none is dropped.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from processing.events.batch import Batch, Letter, Record
from processing.events.judged import REJECTED
from processing.events.positions import RecordPosition
from processing.partitions.outcome_window import NO_SOURCE, Window

# How many dead letters of one source the window of a partition counts: too many are always those of ten sources or more.
SOURCE_SHARE = 20
# Sources whose dead letters are counted, in each partition; the one with the oldest counts gives way.
COUNTED_SOURCES = 1_000


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    """The record after which a partition is held, and why."""

    offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class BreakerUpdate:
    """What a batch means for its partitions and sources; to be adopted once it is committed."""

    windows: dict[int, Window] = field(default_factory=dict)
    sources: dict[int, dict[str, Window]] = field(default_factory=dict)  # by partition: those that have changed
    trips: dict[int, LimitExceeded] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)  # sources that are to be set aside, and why


class Outcome(NamedTuple):
    """What became of one line."""

    offset: int
    line: int
    source: str
    bad: bool


class CircuitBreaker:
    """Counts the dead letters of the partitions that one consumer has; in memory, from zero whenever a partition is started."""

    def __init__(self) -> None:
        self._windows: dict[int, Window] = {}
        self._sources: dict[int, dict[str, Window]] = {}  # by partition: only those with dead letters
        self._lenient: dict[int, int] = {}

    def start(self, partition: int, *, lenient_until: int) -> None:
        """Start to count a partition.

        :param lenient_until: the offset below which an operator lets everything through
        """
        self._windows[partition] = Window(share=SOURCE_SHARE)
        self._sources[partition] = {}
        self._lenient[partition] = lenient_until

    def is_lenient(self, record: Record) -> bool:
        """Return whether an operator lets this record through, whatever becomes of it."""
        return record.offset < self._lenient.get(record.partition, 0)

    def evaluate(self, batch: Batch) -> BreakerUpdate:
        """Count the outcomes of a batch in the order of its records. Changes nothing: the batch may yet roll back."""
        breaker_update = BreakerUpdate()
        spoiled = _with_letters(batch)
        outcomes = self._outcomes(batch, spoiled) if spoiled else {}
        for partition, events in _events(batch).items():
            window = self._windows.get(partition, Window(share=SOURCE_SHARE)).copy()
            breaker_update.windows[partition] = window
            if partition in spoiled:
                self._follow(partition, sorted(outcomes.get(partition, [])), breaker_update)
            else:
                window.add_good(events)
        self._add_good_sources(batch, spoiled, breaker_update)
        return breaker_update

    def adopt(self, breaker_update: BreakerUpdate) -> None:
        """Continue from these counts: the batch is committed."""
        self._windows |= breaker_update.windows
        for partition, changed in breaker_update.sources.items():
            kept = self._sources.setdefault(partition, {})
            for source, window in changed.items():
                kept.pop(source, None)
                if not window.is_clean:
                    kept[source] = window
            while len(kept) > COUNTED_SOURCES:
                del kept[next(iter(kept))]

    def _follow(self, partition: int, outcomes: Iterable[Outcome], breaker_update: BreakerUpdate) -> None:
        window = breaker_update.windows[partition]
        before = self._sources.get(partition, {})
        sources = breaker_update.sources[partition] = {}
        for offset, _, source, bad in outcomes:
            own = sources.get(source)
            if own is None and (bad or source in before):
                own = sources[source] = before[source].copy() if source in before else Window()
            if not bad:
                window.add_good(1)
                if own is not None:
                    own.add_good(1)
                continue
            window.add_bad(source)
            assert own is not None
            own.add_bad(source)
            if source != NO_SOURCE and own.trip:
                breaker_update.failing[source] = own.trip
                sources[source] = Window()
            if window.trip:
                breaker_update.trips[partition] = LimitExceeded(offset, window.trip)
                return

    def _add_good_sources(self, batch: Batch, spoiled: set[int], breaker_update: BreakerUpdate) -> None:
        """Count the events of sources with earlier dead letters, where a batch has none."""
        if not any(self._sources.values()):
            return
        for (source, _, partition), count in batch.read.items():
            before = self._sources.get(partition)
            if not before or partition in spoiled or source not in before:
                continue
            changed = breaker_update.sources.setdefault(partition, {})
            if source not in changed:
                changed[source] = before[source].copy()
            changed[source].add_good(count)

    def _outcomes(self, batch: Batch, partitions: set[int]) -> dict[int, list[Outcome]]:
        """Return what became of the lines of some partitions; those of failed redrives and lenient records are left out."""
        left_out = batch.redriven().keys() | {each.position for each in batch.records if self.is_lenient(each)}
        found: defaultdict[int, list[Outcome]] = defaultdict(list)
        for partition, offset, line, source in _good(batch):
            if partition in partitions and RecordPosition(partition, offset) not in left_out:
                found[partition].append(Outcome(offset, line, source, bad=False))
        for letter in _unexpected(batch):
            if RecordPosition(letter.partition, letter.offset) not in left_out:
                found[letter.partition].append(Outcome(letter.offset, letter.line, letter.source, bad=True))
        return found


def _good(batch: Batch) -> Iterator[tuple[int, int, int, str]]:
    each = batch.entries
    yield from zip(each.partitions, each.offsets, each.lines, each.sources, strict=True)
    for one in (*batch.duplicates, *batch.dropped):
        yield one.partition, one.offset, one.line, one.source


def _events(batch: Batch) -> Counter[int]:
    events: Counter[int] = Counter()
    for (_, _, partition), count in batch.read.items():
        events[partition] += count
    return events


def _with_letters(batch: Batch) -> set[int]:
    return {letter.partition for letter in _unexpected(batch)}


def _unexpected(batch: Batch) -> list[Letter]:
    """Return the letters that nobody asked for. What logic rejects was decided by operators, and may be every event."""
    return [letter for letter in batch.letters if letter.reason not in REJECTED]
