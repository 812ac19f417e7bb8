"""Counts the events of waiting records by their headers, in a thread of its own, and keeps the counts."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from uuid import UUID

from django.conf import settings

from ingestion.kafka import record_decoder
from processing.errors import NeedsOperator, StoreUnavailable
from processing.events.batch import Record
from processing.kafka.topic_reader import TopicReader
from processing.ledger.header_counts import NONE, PartitionCounts, Waiting, estimate, uncounted

MAX_COUNTED = 10_000  # records, over all partitions; of more a sample is read
MAX_WAIT = 0.4  # seconds that a page waits for counts; then it shows what is counted so far
# Of one turn of reading; the next page that asks starts another. Together they bound what pages cost beside the events.
TURN_SECONDS = 0.5
TURN_BYTES = 32 * 1024 * 1024
SAMPLE_PLACES = 16  # in each partition, evenly spaced from its first waiting record to its last
SAMPLE_RECORDS = 16  # at each place
SAMPLE_SECONDS = 3.0  # for all places; with fewer than FEWEST_GROUPS nothing is estimated
SAMPLE_KEPT = 10.0  # seconds
AFTER_FAILURE = 5.0  # seconds without another attempt

_CHUNK = 500  # records at once
_PATIENCE = 1.5  # seconds without a record until Kafka counts as unavailable

Ranges = Mapping[int, tuple[int, int]]  # partition -> the first offset that waits, and the end
Bounds = tuple[int, int]

logger = logging.getLogger(__name__)


class HeaderReader:
    """The counts of one topic; any number of threads may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._topic: UUID | None = None
        self._counts: dict[int, PartitionCounts] = {}
        self._samples: dict[int, tuple[float, list[list[Bounds]]]] = {}  # with the time.monotonic() of reading
        self._turn: threading.Event | None = None
        self._paused_until = 0.0  # time.monotonic()
        self._reader: TopicReader | None = None

    def events(self, topic: UUID, ranges: Ranges) -> dict[int, Waiting]:
        """Return the events of each partition's range. Waits at most MAX_WAIT; what is read later counts next time."""
        turn = self._begin(topic, ranges)
        if turn is not None:
            turn.wait(MAX_WAIT)
        with self._lock:
            return {number: self._known(number, *span) for number, span in ranges.items()}

    def read_now(self, topic: UUID, ranges: Ranges, *, seconds: float) -> dict[int, Waiting]:
        """Do the same in the caller's thread, within `seconds`; then close the connection."""
        with self._lock:
            self._prepare(topic, ranges)
        try:
            self._read(ranges, seconds=seconds, most_bytes=None)
        except (StoreUnavailable, NeedsOperator) as error:
            logger.warning("waiting records not counted", extra={"reason": str(error)})
        finally:
            self.close()
        return {number: self._known(number, *span) for number, span in ranges.items()}

    def close(self) -> None:
        """Close the connection; the next turn opens another."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.__exit__(None, None, None)

    def _begin(self, topic: UUID, ranges: Ranges) -> threading.Event | None:
        """Start a turn if something is left to read; return the turn that runs."""
        with self._lock:
            if self._turn is None and time.monotonic() >= self._paused_until:
                self._prepare(topic, ranges)
                if self._left(ranges) or self._unsampled(ranges):
                    self._turn = threading.Event()
                    threading.Thread(
                        target=self._run, args=(dict(ranges), self._turn), name="header-counts", daemon=True
                    ).start()
            return self._turn

    def _prepare(self, topic: UUID, ranges: Ranges) -> None:
        if topic != self._topic:
            self._topic, self._counts, self._samples = topic, {}, {}
        counted = _few_enough(ranges)
        # A partition that has too many, or nothing waiting, costs no memory.
        self._counts = {number: one for number, one in self._counts.items() if number in counted}
        self._samples = {number: one for number, one in self._samples.items() if number not in counted}
        for number in counted:
            start = ranges[number][0]
            one = self._counts.get(number)
            # Progress that was moved back, or far ahead of what was counted.
            if one is None or start < one.first or start > one.next:
                self._counts[number] = PartitionCounts(start)
            elif len(one) > 2 * MAX_COUNTED:
                one.forget(start)

    def _left(self, ranges: Ranges) -> dict[int, tuple[int, int]]:
        """Return what is still to be counted."""
        spans = {number: (one.next, ranges[number][1]) for number, one in self._counts.items() if number in ranges}
        return {number: span for number, span in spans.items() if span[0] < span[1]}

    def _unsampled(self, ranges: Ranges) -> dict[int, tuple[int, int]]:
        """Return the partitions of which too many records wait, and whose sample is old."""
        old = time.monotonic() - SAMPLE_KEPT
        return {
            number: span
            for number, span in ranges.items()
            if number not in self._counts and span[0] < span[1] and self._samples.get(number, (old, []))[0] <= old
        }

    def _known(self, number: int, start: int, end: int) -> Waiting:
        if start >= end:
            return NONE
        if number in self._counts:
            return self._counts[number].so_far(start, end)
        sample = self._samples.get(number)
        return uncounted(end - start) if sample is None else estimate(end - start, sample[1])

    def _run(self, ranges: Ranges, done: threading.Event) -> None:
        try:
            self._read(ranges, seconds=TURN_SECONDS, most_bytes=TURN_BYTES)
        except Exception:
            # A batch that cannot be read, for one. After an error a client is not used again.
            logger.warning("waiting records not counted", exc_info=True)
            self._paused_until = time.monotonic() + AFTER_FAILURE
            self.close()
        finally:
            with self._lock:
                self._turn = None
            done.set()

    def _read(self, ranges: Ranges, *, seconds: float, most_bytes: int | None) -> None:
        unsampled = self._unsampled(ranges)
        if unsampled:
            self._take_samples(unsampled, time.monotonic() + SAMPLE_SECONDS)
        until = time.monotonic() + seconds
        left = self._left(ranges)
        read = 0
        for chunk in self._records(left):
            self._note_unreadable()
            with self._lock:
                for record in chunk:
                    if record.partition in self._counts:
                        self._counts[record.partition].add(record.offset, _bounds(record))
            read += sum(len(record.value or b"") for record in chunk)
            if time.monotonic() > until or (most_bytes is not None and read > most_bytes):
                return
        self._note_unreadable()
        for number, (_, end) in left.items():
            # The last offsets may hold no record but a transaction's marker.
            self._counts[number].next = max(end, self._counts[number].next)

    def _note_unreadable(self) -> None:
        """Count the batches that the reader left out before the records that it returned last."""
        if self._reader is None:
            return
        found, self._reader.unreadable = self._reader.unreadable, []
        with self._lock:
            for batch in found:
                one = self._counts.get(batch.partition)
                if one is not None and batch.first >= one.next:
                    one.add_unreadable(batch.first, batch.next)

    def _take_samples(self, ranges: Ranges, until: float) -> None:
        groups: dict[int, list[list[Bounds]]] = {number: [] for number in ranges}
        for place in _in_turn(SAMPLE_PLACES):
            spans = {
                number: (first := start + (end - start) * place // SAMPLE_PLACES, min(end, first + SAMPLE_RECORDS))
                for number, (start, end) in ranges.items()
            }
            found: dict[int, list[Bounds]] = {number: [] for number in ranges}
            for chunk in self._records(spans):
                for record in chunk:
                    found[record.partition].append(_bounds(record))
            for number, group in found.items():
                groups[number].append(group)
            if time.monotonic() > until:
                break
        now = time.monotonic()
        with self._lock:
            self._samples.update({number: (now, group) for number, group in groups.items()})

    def _records(self, spans: Ranges) -> Iterator[list[Record]]:
        if not spans:
            return
        if self._reader is None:
            self._reader = TopicReader(client_id="dataflow-headers", patience=_PATIENCE).__enter__()
        yield from self._reader.read(spans, limit=_CHUNK)


def _few_enough(ranges: Ranges) -> set[int]:
    """Return the partitions with waiting records that together are few enough to be counted, the smallest first."""
    chosen, records = set(), 0
    for number, (start, end) in sorted(ranges.items(), key=lambda item: item[1][1] - item[1][0]):
        records += end - start
        if records > MAX_COUNTED:
            break
        if start < end:
            chosen.add(number)
    return chosen


def _in_turn(places: int) -> list[int]:
    """Return the places in an order in which any beginning is spread over all of them."""
    return sorted(range(places), key=lambda place: f"{place:0{places.bit_length()}b}"[::-1])


def _bounds(record: Record) -> Bounds:
    return record_decoder.event_bounds(record.value, record.headers)


_readers: dict[tuple[int, str, str], HeaderReader] = {}
_readers_lock = threading.Lock()


def waiting_events(topic: UUID, ranges: Ranges) -> dict[int, Waiting]:
    """Return the events that wait in each partition of raw-data, by the counts that this process keeps."""
    key = (os.getpid(), ",".join(settings.KAFKA_BOOTSTRAP_SERVERS), settings.KAFKA_TOPIC_RAW_DATA)
    with _readers_lock:
        reader = _readers.setdefault(key, HeaderReader())
    return reader.events(topic, ranges)
