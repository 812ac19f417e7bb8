"""Where partitions start: PostgreSQL's progress compared with Kafka's offsets. Records that are missing become gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from processing.errors import StoreUnavailable
from processing.events.positions import PartitionId
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger import lost_records
from processing.ledger.incidents import Cursor, PartitionRef, open_incident
from processing.models import Incident, LedgerGap
from processing.partitions import paused, progress
from processing.partitions.paused import Paused

Asking = Callable[[], TopicOffsets]
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
_PROGRESS = "SELECT partition, next_offset FROM progress WHERE topic_id = %s AND partition = ANY(%s) ORDER BY partition"
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


@dataclass(frozen=True, slots=True)
class StartOffset:
    """Where one partition continues."""

    next_offset: int
    hold: Paused


def find(
    cursor: Cursor,
    topic: int,
    ends: TopicOffsets,
    partitions: Sequence[int],
    *,
    known_ends: Mapping[PartitionId, int],
    ask: Asking,
) -> dict[int, StartOffset]:
    """Return where partitions start, within the caller's transaction; gaps are recorded and skipped.

    :param topic: the row id
    :param known_ends: the last end offsets that were seen, also of a topic that is gone
    :param ask: asks Kafka for the end offsets again
    :raises StoreUnavailable: Kafka does not answer, or has another topic of this name meanwhile
    """
    cursor.execute(_BEGIN, [topic, list(partitions)])
    begun = [partition for (partition,) in cursor.fetchall()]
    if begun:
        _leave_former(cursor, topic, ends, begun, known_ends)
    offsets = _read(cursor, topic, partitions)
    if any(not _exists(ends, partition, at) for partition, at in offsets.items()):
        offsets = _step_over_gaps(cursor, topic, ends, partitions, ask)
    held = paused.read(cursor, topic, partitions)
    return {partition: StartOffset(at, held.get(partition, NOT_HELD)) for partition, at in offsets.items()}


def release_readable(cursor: Cursor, topic: int, name: str, starts: dict[int, StartOffset], *, version: int) -> None:
    """Release partitions that only waited for a consumer that reads this version, within the caller's transaction."""
    for number, start in starts.items():
        if start.hold.is_readable_by(version):
            paused.release(cursor, PartitionRef(topic, name, number), who="consumer")
            starts[number] = replace(start, hold=replace(start.hold, held=False))


def _read(cursor: Cursor, topic: int, partitions: Sequence[int], *, locked: bool = False) -> dict[int, int]:
    cursor.execute(_PROGRESS + " FOR UPDATE" if locked else _PROGRESS, [topic, list(partitions)])
    return dict(cursor.fetchall())


def _exists(ends: TopicOffsets, partition: int, offset: int) -> bool:
    if partition not in ends.partitions:
        raise StoreUnavailable(f"Kafka: partition {partition} is not there yet")
    earliest, end = ends.partitions[partition]
    return earliest <= offset <= end


def _step_over_gaps(
    cursor: Cursor, topic: int, ends: TopicOffsets, partitions: Sequence[int], ask: Asking
) -> dict[int, int]:
    # Asked while progress is locked: a consumer that was still working may have passed an earlier answer.
    offsets = _read(cursor, topic, partitions, locked=True)
    now = ask()
    if now.topic != ends.topic:
        raise StoreUnavailable(f"Kafka: the topic {ends.name} was recreated just now")
    for number, at in offsets.items():
        partition = PartitionRef(topic, ends.name, number)
        offsets[number] = _nearest_offset(cursor, partition, at, *now.partitions[number])
        if offsets[number] != at:
            progress.move(cursor, partition, offsets[number])
    return offsets


def _nearest_offset(cursor: Cursor, partition: PartitionRef, at: int, earliest: int, end: int) -> int:
    """Return the nearest offset that exists, and record what that means."""
    if at < earliest:
        lost_records.record(cursor, partition, first=at, next_=earliest, cause=LedgerGap.Cause.REMOVED)
        return earliest
    if at > end:
        # The same topic, shorter than what was read of it: a broker lost its disk. What was read keeps its effects;
        # what comes now under the same offsets is new, and has to be read.
        cursor.execute(_FREE_PLACES, [partition.topic, partition.number, end])
        cursor.execute(_CLEAR_OF_CRASHES, [end, partition.topic, partition.number])
        detail = f"Kafka lost records {end} to {at - 1}, which were read before; going on at {end}"
        open_incident(Incident.Kind.GAP, partition.subject, detail, cursor=cursor)
        return end
    return at


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
