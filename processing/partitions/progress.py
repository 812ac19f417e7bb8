"""Moves progress past offsets that hold nothing to read, and holds a partition where it can't go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ingestion.kafka import record_headers
from processing.cursors import Cursor
from processing.events.batch import Record
from processing.kafka.unreadable import UnreadableBatch
from processing.ledger.incidents import PartitionRef
from processing.models import Hold
from processing.partitions import paused

_MOVE_PAST = """
UPDATE progress SET next_offset = %s, updated_at = now() WHERE topic_id = %s AND partition = %s AND next_offset = %s
"""
_BEHIND = """
SELECT v.partition, coalesce(p.next_offset, 0) FROM unnest(%s::int[], %s::bigint[]) AS v (partition, reached)
LEFT JOIN progress p ON p.topic_id = %s AND p.partition = v.partition WHERE coalesce(p.next_offset, 0) < v.reached
"""
_READ = "SELECT next_offset FROM progress WHERE topic_id = %s AND partition = %s"
_LOCK = f"{_READ} FOR UPDATE"
_MOVE = "UPDATE progress SET next_offset = %s, updated_at = now() WHERE topic_id = %s AND partition = %s"


def lock(cursor: Cursor, partition: PartitionRef) -> int:
    """Return the next offset of a partition, which nobody else moves until the transaction ends; -1: there is none."""
    return _read(cursor, partition, _LOCK)


def move(cursor: Cursor, partition: PartitionRef, to: int) -> None:
    """Set the next offset of a partition, in the caller's transaction."""
    cursor.execute(_MOVE, [to, partition.topic, partition.number])


def pass_over(cursor: Cursor, topic: int, passed: Mapping[int, tuple[int, int]]) -> None:
    """Move progress past offsets that hold nothing to read, where it is at the first of them.

    :param topic: the row id
    :param passed: partition -> the first of them, and the offset after the last
    """
    for number, (first, following) in sorted(passed.items()):
        cursor.execute(_MOVE_PAST, [following, topic, number, first])


def behind(cursor: Cursor, topic: int, reached: Mapping[int, int]) -> dict[int, int]:
    """Return the progress of the partitions where it is below an offset up to which effects were committed.

    :param topic: the row id
    :param reached: partition -> the offset
    """
    cursor.execute(_BEHIND, [list(reached), list(reached.values()), topic])
    return dict(cursor.fetchall())


def hold_unreadable(cursor: Cursor, topic: int, name: str, found: Iterable[UnreadableBatch]) -> dict[int, int]:
    """Hold the partitions whose next batch can't be read, in the caller's transaction.

    :return: partition -> the offset after the batch, where an operator has skipped it already
    """
    skipped: dict[int, int] = {}
    for batch in found:
        partition = PartitionRef(topic, name, batch.partition)
        at = _read(cursor, partition)
        if at >= batch.next > batch.first:
            skipped[batch.partition] = batch.next
        elif at == batch.first:
            paused.hold(cursor, partition, batch.sentence, kind=Hold.Kind.UNREADABLE)
    return skipped


def hold_newer(cursor: Cursor, partition: PartitionRef, record: Record) -> None:
    """Hold a partition before a record of a newer release, unless another consumer is past it."""
    if _read(cursor, partition) > record.offset:
        return
    version = record_headers.version(record.headers) or 0
    reason = f"the next record is of format {version}, and this release reads up to {record_headers.FORMAT_VERSION}"
    paused.hold(cursor, partition, reason, kind=Hold.Kind.VERSION, version=version)


def _read(cursor: Cursor, partition: PartitionRef, query: str = _READ) -> int:
    cursor.execute(query, [partition.topic, partition.number])
    row = cursor.fetchone()
    return int(row[0]) if row else -1
