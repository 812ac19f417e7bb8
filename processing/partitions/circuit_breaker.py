"""The circuit breaker: a partition with too many dead letters is paused before it fills the table. No input or output.

What goes wrong for 200 events in a row is rarely the events: a sender's release, a schema, a codec. Once that is
fixed, an operator resumes the partition (`manage.py partitions`). Until then its records wait in Kafka; none is dropped.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from processing.events.batch import Batch, Record
from processing.events.positions import RecordPosition

WINDOW = 1_000  # events
MOST_IN_WINDOW = 200  # dead letters; more among the last WINDOW events are too many
MOST_IN_A_ROW = 200  # dead letters; so many without a good event between them are too many


class Window:
    """The last events of one partition, as runs of alike ones."""

    def __init__(self) -> None:
        self._runs: deque[tuple[bool, int]] = deque()  # whether they are dead letters, how many; the newest last
        self._events = 0
        self._bad = 0

    def copy(self) -> Window:
        twin = Window()
        twin._runs, twin._events, twin._bad = self._runs.copy(), self._events, self._bad
        return twin

    def add(self, count: int, *, bad: bool) -> None:
        """Add events; those more than WINDOW events ago are dropped."""
        if count <= 0:
            return
        if self._runs and self._runs[-1][0] == bad:
            count += self._take(len(self._runs) - 1)
        count = min(count, WINDOW)
        self._put(bad, count)
        while self._events > WINDOW:
            self._forget(self._events - WINDOW)

    @property
    def trip(self) -> str | None:
        """Why no further event may be read, after a dead letter; None: all is well."""
        in_a_row = self._runs[-1][1] if self._runs and self._runs[-1][0] else 0
        if in_a_row >= MOST_IN_A_ROW:
            return f"{in_a_row} events in a row became dead letters"
        # Of fewer events than a full window a fifth says little.
        if in_a_row and self._events == WINDOW and self._bad > MOST_IN_WINDOW:
            return f"{self._bad} of the last {WINDOW:,} events became dead letters"
        return None

    def _take(self, index: int) -> int:
        bad, count = self._runs[index]
        del self._runs[index]
        self._events -= count
        self._bad -= count if bad else 0
        return count

    def _put(self, bad: bool, count: int, *, first: bool = False) -> None:
        (self._runs.appendleft if first else self._runs.append)((bad, count))
        self._events += count
        self._bad += count if bad else 0

    def _forget(self, count: int) -> None:
        bad, oldest = self._runs[0][0], self._take(0)
        if oldest > count:
            self._put(bad, oldest - count, first=True)


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    """The record after which a partition is held, and why."""

    offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class BreakerUpdate:
    """What a batch means for its partitions; to be adopted once it is committed."""

    windows: dict[int, Window] = field(default_factory=dict)
    trips: dict[int, LimitExceeded] = field(default_factory=dict)


class CircuitBreaker:
    """Counts the dead letters of the partitions that one consumer has; in memory, from zero whenever a partition is started."""

    def __init__(self) -> None:
        self._windows: dict[int, Window] = {}
        self._lenient: dict[int, int] = {}

    def start(self, partition: int, *, lenient_until: int) -> None:
        """Start to count a partition.

        :param lenient_until: the offset below which an operator lets everything through
        """
        self._windows[partition] = Window()
        self._lenient[partition] = lenient_until

    def is_lenient(self, record: Record) -> bool:
        """Return whether an operator lets this record through, whatever becomes of it."""
        return record.offset < self._lenient.get(record.partition, 0)

    def evaluate(self, batch: Batch) -> BreakerUpdate:
        """Count the outcomes of a batch in the order of its records. Changes nothing: the batch may yet roll back."""
        breaker_update = BreakerUpdate()
        letters = _lines_by_offset(batch)
        sizes = _sizes(batch) if letters else Counter()
        for partition, events in _events(batch).items():
            window = self._windows.get(partition, Window()).copy()
            breaker_update.windows[partition] = window
            if partition not in letters:
                window.add(events, bad=False)
                continue
            records = [record for record in batch.records if record.partition == partition]
            trip = self._follow(window, records, letters[partition], sizes)
            if trip is not None:
                breaker_update.trips[partition] = trip
        return breaker_update

    def adopt(self, breaker_update: BreakerUpdate) -> None:
        """Continue from these counts: the batch is committed."""
        self._windows |= breaker_update.windows

    def _follow(
        self,
        window: Window,
        records: list[Record],
        letters: Mapping[int, list[int]],
        sizes: Mapping[RecordPosition, int],
    ) -> LimitExceeded | None:
        for record in sorted(records, key=lambda record: record.offset):
            if self.is_lenient(record):
                continue
            for bad, count in _runs(letters.get(record.offset, []), sizes[record.position]):
                window.add(count, bad=bad)
                if bad and window.trip:
                    return LimitExceeded(record.offset, window.trip)
        return None


def _events(batch: Batch) -> Counter[int]:
    events: Counter[int] = Counter()
    for (_, _, partition), count in batch.read.items():
        events[partition] += count
    return events


def _lines_by_offset(batch: Batch) -> dict[int, dict[int, list[int]]]:
    """Return the lines that became dead letters, by partition and offset. Failed redrives are not counted."""
    redriven = batch.redriven() if batch.letters else {}
    found: defaultdict[int, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for letter in batch.letters:
        if RecordPosition(letter.partition, letter.offset) not in redriven:
            found[letter.partition][letter.offset].append(letter.line)
    return {partition: dict(lines) for partition, lines in found.items()}


def _sizes(batch: Batch) -> Counter[RecordPosition]:
    """How many lines each record has."""
    outcomes = (batch.entries, batch.duplicates, batch.letters)
    return Counter(RecordPosition(one.partition, one.offset) for outcome in outcomes for one in outcome)


def _runs(bad_lines: list[int], size: int) -> Iterator[tuple[bool, int]]:
    """The outcomes of one record's lines in their order; dead letters one by one, since each may be one too many."""
    good_before = 0
    for place, line in enumerate(sorted(bad_lines)):
        yield False, line - place - good_before
        yield True, 1
        good_before = max(good_before, line - place)
    yield False, size - len(bad_lines) - good_before
