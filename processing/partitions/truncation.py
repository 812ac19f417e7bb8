"""Finds records that had their effects and that Kafka has lost since; at their offsets it has, or will have, others.

An offset alone does not tell a record from a later one at the same place. The epoch of the leader that wrote it does: a
broker that returns without the end of its log, or a replica that is elected without it, begins a new one.
https://cwiki.apache.org/confluence/x/oQQIB
A cluster that is restored from an older copy may use the same epochs again. Then the content of the last record tells, though
not where the two logs part: everything that is there is read again, and what was stored before is a duplicate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from processing.cursors import Cursor
from processing.events.batch import Record
from processing.events.positions import ReadUpTo
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger import lost_records
from processing.ledger.incidents import PartitionRef
from processing.models import LedgerGap

_READ = """
SELECT partition, next_offset, coalesce(record_offset, -1), coalesce(record_epoch, -1), record_checksum FROM progress
WHERE topic_id = %s AND partition = ANY(%s) ORDER BY partition
"""
_SET_BACK = """
UPDATE progress SET next_offset = %s, record_offset = NULL, record_epoch = %s, record_checksum = NULL, updated_at = now()
WHERE topic_id = %s AND partition = %s
"""
# Letters keep their lines, but at places that no record has: another letter may need theirs.
_FREE_PLACES = """
UPDATE dead_letter SET "offset" = -id, detail = detail || ' (Kafka lost this record again, which was ' || "offset" || ')'
WHERE topic_id = %s AND partition = %s AND "offset" >= %s
"""
_CLEAR_OF_CRASHES = """
UPDATE partition_start SET suspect_offset = NULL, suspect_line = NULL, isolated = coalesce((
    SELECT jsonb_agg(line) FROM jsonb_array_elements(isolated) AS every (line) WHERE (line->>0)::bigint < %s), '[]')
WHERE topic_id = %s AND partition = %s
"""


class Kafka(Protocol):
    """What is asked of Kafka; processing.kafka.topic_log.TopicLog."""

    def ask(self) -> TopicOffsets:
        """Return which offsets exist."""

    def ask_epoch_ends(self, epochs: Mapping[int, int]) -> dict[int, int]:
        """Return where the records of leader epochs end; -1 where there is none of so late an epoch."""

    def read(self, offsets: Mapping[int, int]) -> dict[int, Record]:
        """Return the record at an offset of each partition, if there is one and it can be read."""


@dataclass(frozen=True, slots=True)
class LastRead:
    """Progress, and the last record with effects."""

    next_offset: int
    offset: int  # -1: not known
    epoch: int  # -1: not known
    checksum: int | None = None  # None: not known

    @property
    def read_up_to(self) -> ReadUpTo:
        """Return the progress, with an epoch if the record is the one right before it."""
        return ReadUpTo(self.next_offset, self.epoch if 0 <= self.offset == self.next_offset - 1 else -1)


def read(cursor: Cursor, topic: int, partitions: Sequence[int], *, locked: bool = False) -> dict[int, LastRead]:
    """Return the progress of partitions.

    :param locked: nobody else moves it until the transaction ends
    """
    cursor.execute(_READ + " FOR UPDATE" if locked else _READ, [topic, list(partitions)])
    return {partition: LastRead(*values) for partition, *values in cursor.fetchall()}


def find(kafka: Kafka, now: TopicOffsets, found: Mapping[int, LastRead]) -> dict[int, int]:
    """Return the first offset that Kafka has lost, of each partition whose last record with effects is gone.

    :raises StoreUnavailable: Kafka does not answer
    """
    epochs = {number: last.epoch for number, last in found.items() if last.epoch >= 0 and last.offset >= 0}
    ends = kafka.ask_epoch_ends(epochs) if epochs else {}
    lost = {number: end for number, end in ends.items() if 0 <= end <= found[number].offset}
    unsure = {number: last for number, last in found.items() if number not in lost and _exists(now, number, last)}
    return lost | dict.fromkeys(_replaced(kafka, unsure), 0)


def _exists(now: TopicOffsets, number: int, last: LastRead) -> bool:
    """Return whether the topic has any record at the place of the last one, of which the content is known."""
    earliest, end = now.partitions.get(number, (0, 0))
    return last.checksum is not None and earliest <= last.offset < end


def _replaced(kafka: Kafka, found: Mapping[int, LastRead]) -> list[int]:
    """Return the partitions that have another record where the last one was; where there is none it was compacted."""
    records = kafka.read({number: last.offset for number, last in found.items()}) if found else {}
    return [number for number, record in records.items() if record.checksum != found[number].checksum]


def set_back(cursor: Cursor, partition: PartitionRef, at: int, *, to: int, epoch: int | None) -> None:
    """Continue at the first offset that Kafka has lost, in the caller's transaction. What was read keeps its effects.

    :param at: the offset up to which records had their effects
    :param epoch: of the leader that writes the next record: what others still have in hand of earlier ones is lost
    """
    cursor.execute(_FREE_PLACES, [partition.topic, partition.number, to])
    cursor.execute(_CLEAR_OF_CRASHES, [to, partition.topic, partition.number])
    cursor.execute(_SET_BACK, [to, epoch, partition.topic, partition.number])
    lost_records.record(cursor, partition, first=to, next_=at, cause=LedgerGap.Cause.TRUNCATED)
