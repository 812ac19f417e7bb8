"""How far each partition of this consumer is behind, in records and seconds."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from uuid import UUID

from processing import metrics
from processing.events.batch import Record
from processing.events.positions import PartitionId
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger import lag
from processing.ledger.ledger import PartitionProgress
from processing.monitoring.backlog import Waits

EVERY = 1.0  # seconds
_MICROSECOND = 1_000_000


class PartitionLags:
    """Follows progress as batches are done, and shows it once a second. For the loop's thread."""

    def __init__(self) -> None:
        self._waits = Waits()
        self._next: dict[int, int] = {}  # by partition: the first offset without effects
        self._ends: dict[int, int] = {}  # that were seen when a partition was placed; held ones are not polled
        self._times: dict[int, int] = {}  # Kafka's time of the last record with effects, microseconds since the epoch
        self._shown: set[tuple[str, str]] = set()
        self._due = 0.0  # time.monotonic()

    def place(self, placed: Mapping[int, tuple[int, int]]) -> None:
        """Note where partitions start, and Kafka's ends."""
        self._next |= {number: start for number, (start, _) in placed.items()}
        self._ends |= {number: end for number, (_, end) in placed.items()}

    def done(self, records: Collection[Record], offsets: Mapping[int, int]) -> None:
        """Note that records have their effects, up to these offsets."""
        self._next |= offsets
        self._times |= {record.partition: record.time for record in records}

    def show(
        self, topic: UUID | None, ends: Mapping[PartitionId, int], *, read: Collection[int], held: Collection[int]
    ) -> None:
        """Show the lag of partitions that are read and of those that are held; forget those that are gone. Call it often.

        :param topic: Kafka's id; None: nothing was read yet
        :param ends: the last end offsets that are known
        """
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY
        shown: set[tuple[str, str]] = set()
        for number, (records, seconds) in self._measure(topic, ends, {*read, *held}, now).items():
            labels = (str(number), "true" if number in held else "false")
            metrics.LAG_RECORDS.labels(*labels).set(records)
            metrics.LAG_SECONDS.labels(*labels).set(seconds)
            shown.add(labels)
        for labels in self._shown - shown:
            metrics.LAG_RECORDS.remove(*labels)
            metrics.LAG_SECONDS.remove(*labels)
        self._shown = shown

    def _measure(
        self, topic: UUID | None, ends: Mapping[PartitionId, int], partitions: set[int], now: float
    ) -> dict[int, tuple[int, float]]:
        if topic is None:
            return {}
        spans = {number: (0, self._end(topic, ends, number)) for number in partitions & self._next.keys()}
        offsets = TopicOffsets(topic, "", spans, 0.0, now)
        progress = {
            (topic, number): PartitionProgress(topic, number, self._next[number], 0, 0, self._time(number))
            for number in offsets.partitions
        }
        lags = lag.lags(offsets, progress, now=datetime.now(tz=UTC))
        waits = self._waits.of(offsets, lags, now=now)
        return {each.partition: (each.records, waits[each.partition]) for each in lags}

    def _end(self, topic: UUID, ends: Mapping[PartitionId, int], number: int) -> int:
        # The last one that was seen may be below what has its effects since.
        return max(ends.get(PartitionId(topic, number), 0), self._ends.get(number, 0), self._next[number])

    def _time(self, number: int) -> datetime | None:
        found = self._times.get(number)
        return None if found is None else datetime.fromtimestamp(found / _MICROSECOND, tz=UTC)
