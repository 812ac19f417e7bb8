"""Computes the lag: how much of raw-data lies between the committed progress and Kafka's end offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ingestion.kafka.partitioner import partition_of
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger.ledger import PartitionProgress


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """The records of one partition beyond its progress."""

    partition: int
    records: int
    events: int  # estimated by the events a record had so far; 0 exactly when `records` is 0
    seconds: float | None  # age of the last record with effects; 0 without lag, None before the first


def lags(
    ends: TopicOffsets, progress: Mapping[tuple[UUID, int], PartitionProgress], *, now: datetime
) -> list[PartitionLag]:
    """Compare Kafka's offsets with the progress; a partition without progress starts at its earliest record."""
    return [
        _lag(partition, offsets, progress.get((ends.topic, partition)), now=now)
        for partition, offsets in sorted(ends.partitions.items())
    ]


def _lag(partition: int, offsets: tuple[int, int], done: PartitionProgress | None, *, now: datetime) -> PartitionLag:
    earliest, end = offsets
    # Records that retention removed before they were read do not count: they can never be read.
    start = earliest if done is None else max(earliest, done.next_offset)
    records = max(0, end - start)
    if not records:
        return PartitionLag(partition, 0, 0, 0.0)
    per_record = done.events / done.records if done and done.records else 1.0
    since = done.record_time if done else None
    seconds = None if since is None else max(0.0, (now - since).total_seconds())
    return PartitionLag(partition, records, max(records, round(records * per_record)), seconds)


class SourceLag:
    """Estimates the lag of single sources; only the consumer looks into the records themselves."""

    def __init__(
        self, topic: UUID, lags: Sequence[PartitionLag], progress: Mapping[tuple[UUID, int], PartitionProgress]
    ) -> None:
        self._topic = topic
        self._events = {each.partition: each.events for each in lags}
        self._progress = progress

    def of_source(self, source: str, *, read: int) -> int:
        """Return the events of the source that wait: its share of the partition so far, applied to the partition's lag."""
        if not any(self._events.values()):
            return 0
        partition = partition_of(source, len(self._events))
        done = self._progress.get((self._topic, partition))
        if done is None or not done.events:
            return 0
        return round(self._events[partition] * min(1.0, read / done.events))
