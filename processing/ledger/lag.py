"""Computes the lag: how much of raw-data lies between the committed progress and Kafka's end offsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from ingestion.kafka.partitioner import partition_of
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger import header_counts
from processing.ledger.header_counts import NONE, Waiting, uncounted
from processing.ledger.ledger import PartitionProgress


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """The records of one partition beyond its progress."""

    partition: int
    records: int
    events: Waiting  # in these records
    seconds: float | None  # age of the last record with effects; 0 without lag, None before the first
    span: tuple[int, int] = (0, 0)  # the first offset that waits, and the end


def lags(
    ends: TopicOffsets, progress: Mapping[tuple[UUID, int], PartitionProgress], *, now: datetime
) -> list[PartitionLag]:
    """Compare Kafka's offsets with the progress; a partition without progress starts at its earliest record.

    Nothing is known yet of the events in the records: see `counted`.
    """
    return [
        _lag(partition, offsets, progress.get((ends.topic, partition)), now=now)
        for partition, offsets in sorted(ends.partitions.items())
    ]


def counted(lags: Sequence[PartitionLag], events: Mapping[int, Waiting]) -> list[PartitionLag]:
    """Return the same with the events that were counted, by partition."""
    return [replace(each, events=events.get(each.partition, each.events)) for each in lags]


def spans(lags: Sequence[PartitionLag]) -> dict[int, tuple[int, int]]:
    """Return which offsets wait in each partition."""
    return {each.partition: each.span for each in lags}


def in_flight(lags: Sequence[PartitionLag], *, acknowledged: int | None = None) -> Waiting:
    """Return the events that wait in all partitions.

    :param acknowledged: how many more events than were read the receivers have acknowledged, by their own counters;
        None: not known. Where records were not counted, the number is between what they and what the sample say.
    """
    events = header_counts.total(each.events for each in lags)
    if events.exact or acknowledged is None or acknowledged <= events.fewest:
        return events
    if events.most is None or acknowledged > events.most:
        return Waiting(events.fewest if events.most is None else events.most, acknowledged, exact=False)
    return Waiting(acknowledged, events.most, exact=False)


def _lag(partition: int, offsets: tuple[int, int], done: PartitionProgress | None, *, now: datetime) -> PartitionLag:
    earliest, end = offsets
    # Records that retention removed before they were read do not count: they can never be read.
    start = earliest if done is None else max(earliest, done.next_offset)
    records = max(0, end - start)
    if not records:
        return PartitionLag(partition, 0, NONE, 0.0, (start, start))
    since = done.record_time if done else None
    seconds = None if since is None else max(0.0, (now - since).total_seconds())
    return PartitionLag(partition, records, uncounted(records), seconds, (start, end))


def place_of(source: str, partitions: int) -> int:
    """Return the partition that a source's events are in."""
    return partition_of(source, partitions)


def of_source(lags: Sequence[PartitionLag], source: str) -> Waiting:
    """Return the events of a source that wait; only the consumer looks into the records themselves.

    They are in the partition that its name leads to, and nobody knows how many of that partition's events they are.
    """
    if not any(each.records for each in lags):
        return NONE
    number = partition_of(source, len(lags))
    found = next((each for each in lags if each.partition == number), None)
    if found is None or not found.records:
        return NONE
    return Waiting(0, found.events.most, exact=False)


def of_some_sources(lags: Sequence[PartitionLag], sources: Iterable[str]) -> Waiting:
    """Return the events of these sources that wait, for a reader who may not know how many of others wait."""
    waits = any(each.records for each in shared_with(lags, sources))
    return Waiting(0, None, exact=False) if waits else NONE


def shared_with(lags: Sequence[PartitionLag], sources: Iterable[str]) -> list[PartitionLag]:
    """Return the partitions that the events of these sources are in."""
    numbers: set[int] = set()
    for source in sources:
        numbers.add(partition_of(source, len(lags)))
        if len(numbers) == len(lags):
            # A reader may have a hundred thousand sources.
            break
    return [each for each in lags if each.partition in numbers]
