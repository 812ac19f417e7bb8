"""Where partitions start: PostgreSQL's progress compared with Kafka's offsets. Records that are missing become gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from processing.cursors import Cursor
from processing.errors import StoreUnavailable
from processing.events.positions import PartitionId, ReadUpTo
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger import lost_records
from processing.ledger.incidents import PartitionRef
from processing.models import LedgerGap
from processing.partitions import paused, progress, truncation
from processing.partitions.paused import Paused
from processing.partitions.truncation import Kafka, LastRead

NOT_HELD = Paused(held=False, lenient_until=0)

# Those that are new under this topic's id.
_BEGIN = """
INSERT INTO progress (topic_id, partition, next_offset, records, events, updated_at)
SELECT %s, partition, 0, 0, 0, now() FROM unnest(%s::int[]) AS wanted (partition) ORDER BY partition
ON CONFLICT DO NOTHING RETURNING partition
"""
_FORMER = """
SELECT t.id, t.kafka_id, p.partition, p.next_offset FROM topic t JOIN progress p ON p.topic_id = t.id
WHERE t.id = (SELECT max(id) FROM topic WHERE name = %s AND id < %s) AND p.partition = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class StartOffset:
    """Where one partition continues."""

    read_up_to: ReadUpTo
    hold: Paused

    @property
    def next_offset(self) -> int:
        """The offset of the first record without effects."""
        return self.read_up_to.next_offset


def find(
    cursor: Cursor,
    topic: int,
    ends: TopicOffsets,
    partitions: Sequence[int],
    *,
    known_ends: Mapping[PartitionId, int],
    kafka: Kafka,
) -> dict[int, StartOffset]:
    """Return where partitions start, within the caller's transaction; gaps are recorded and skipped.

    :param topic: the row id
    :param known_ends: the last end offsets that were seen, also of a topic that is gone
    :param kafka: is asked for the end offsets again, and which leaders' records it still has
    :raises StoreUnavailable: Kafka does not answer, or has another topic of this name meanwhile
    """
    cursor.execute(_BEGIN, [topic, list(partitions)])
    begun = [partition for (partition,) in cursor.fetchall()]
    if begun:
        _leave_former(cursor, topic, ends, begun, known_ends)
    found = truncation.read(cursor, topic, partitions)
    exist = [_exists(ends, partition, last.next_offset) for partition, last in found.items()]
    if not all(exist) or truncation.find(kafka, ends, found):
        found = _step_over_gaps(cursor, topic, ends, partitions, kafka)
    held = paused.read(cursor, topic, partitions)
    return {partition: StartOffset(last.read_up_to, held.get(partition, NOT_HELD)) for partition, last in found.items()}


def release_readable(cursor: Cursor, topic: int, name: str, starts: dict[int, StartOffset], *, version: int) -> None:
    """Release partitions that only waited for a consumer that reads this version, within the caller's transaction."""
    for number, start in starts.items():
        if start.hold.is_readable_by(version):
            paused.release(cursor, PartitionRef(topic, name, number), who="consumer")
            starts[number] = replace(start, hold=replace(start.hold, held=False))


def _exists(ends: TopicOffsets, partition: int, offset: int) -> bool:
    if partition not in ends.partitions:
        raise StoreUnavailable(f"Kafka: partition {partition} is not there yet")
    earliest, end = ends.partitions[partition]
    return earliest <= offset <= end


def _step_over_gaps(
    cursor: Cursor, topic: int, ends: TopicOffsets, partitions: Sequence[int], kafka: Kafka
) -> dict[int, LastRead]:
    # Asked while progress is locked: a consumer that was still working may have passed an earlier answer.
    found = truncation.read(cursor, topic, partitions, locked=True)
    now = kafka.ask()
    if now.topic != ends.topic:
        raise StoreUnavailable(f"Kafka: the topic {ends.name} was recreated just now")
    lost = truncation.find(kafka, now, found)
    for number, last in found.items():
        partition = PartitionRef(topic, ends.name, number)
        earliest, end = now.partitions[number]
        # A broker lost its disk, or the end of its log. What comes now under the same offsets is new, and has to be read.
        kept = max(earliest, min(end, lost.get(number, end)))
        if last.next_offset < earliest:
            lost_records.record(
                cursor, partition, first=last.next_offset, next_=earliest, cause=LedgerGap.Cause.REMOVED
            )
            progress.move(cursor, partition, earliest)
        elif kept < last.next_offset:
            truncation.set_back(cursor, partition, last.next_offset, to=kept, epoch=now.epochs.get(number))
    return truncation.read(cursor, topic, partitions)


def _leave_former(
    cursor: Cursor, topic: int, ends: TopicOffsets, partitions: list[int], known_ends: Mapping[PartitionId, int]
) -> None:
    """Record what a topic of the same name may have held unread when it was deleted.

    Kafka reports nothing about a deleted topic. Where the last end that this process saw was read up to, nothing is
    missing; where it saw none, the end is unknown, and the gap is open.
    """
    cursor.execute(_FORMER, [ends.name, topic, partitions])
    for former, kafka_id, number, at in cursor.fetchall():
        partition = PartitionRef(former, ends.name, number)
        paused.release(cursor, partition, who="consumer")
        if known_ends.get(PartitionId(kafka_id, number)) != at:
            lost_records.record(cursor, partition, first=at, next_=None, cause=LedgerGap.Cause.RECREATED)
