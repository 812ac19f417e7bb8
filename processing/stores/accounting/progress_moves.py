"""What a batch does to the progress of its partitions. Pure."""

from __future__ import annotations

from collections import Counter

from processing.events.batch import Batch, Record

Moves = tuple[int, int, list[int], list[int], list[int], list[int], list[int], list[int], list[int], list[int]]


def moves(batch: Batch, topic: int) -> Moves:
    """Return the values of row_sql.MOVE_PROGRESS: the next offset of each partition, its records and events, its last record."""
    events: Counter[int] = Counter()
    for (_, _, partition), count in batch.read.items():
        events[partition] += count
    times: dict[int, int] = {}
    counts: Counter[int] = Counter()
    lasts: dict[int, Record] = {}
    for record in batch.records:
        lasts[record.partition] = record
        counts[record.partition] += 1
        times[record.partition] = max(times.get(record.partition, 0), record.time)
    return (
        topic,
        batch.revision,
        list(lasts),
        [record.offset + 1 for record in lasts.values()],
        [counts[partition] for partition in lasts],
        [events[partition] for partition in lasts],
        [times[partition] for partition in lasts],
        [record.offset for record in lasts.values()],
        [record.epoch for record in lasts.values()],
        [record.checksum for record in lasts.values()],
    )
