"""Plans and applies a reset of the consumer group's offsets, in Kafka and in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from processing.errors import NeedsOperator
from processing.kafka.administration.consumer_group import ConsumerGroup, GroupActive, Target
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger import lost_records
from processing.ledger.incidents import PartitionRef
from processing.models import LedgerGap, Progress, Topic
from processing.partitions import progress


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """The offsets of one partition."""

    partition: int
    earliest: int
    end: int
    committed: int | None  # in Kafka; None: nothing is
    progress: int  # in PostgreSQL: the first record without effects

    @property
    def lag(self) -> int:
        """The number of records without effects."""
        return max(0, self.end - max(self.earliest, self.progress))


@dataclass(frozen=True, slots=True)
class OffsetMove:
    """The offset from which one partition is to continue."""

    position: PartitionOffsets
    to: int

    @property
    def skipped(self) -> int:
        """The number of records that will never be read."""
        return max(0, self.to - max(self.position.earliest, self.position.progress))

    @property
    def again(self) -> int:
        """The number of records that have their effects and are only published a second time."""
        return max(0, min(self.position.progress, self.position.end) - self.to)


def positions(group: ConsumerGroup, ends: TopicOffsets) -> list[PartitionOffsets]:
    """Return Kafka's and PostgreSQL's offsets of every partition."""
    committed = group.committed()
    known = Progress.objects.filter(topic__kafka_id=ends.topic).values_list("partition", "next_offset")
    read_up_to = dict(known)
    return [
        PartitionOffsets(number, earliest, end, committed.get(number), read_up_to.get(number, 0))
        for number, (earliest, end) in sorted(ends.partitions.items())
    ]


def plan(group: ConsumerGroup, target: Target, partitions: Iterable[int] | None) -> tuple[UUID, list[OffsetMove]]:
    """Return Kafka's id of the topic and the moves of a reset to `target`; change nothing.

    :param partitions: None: all of them
    :raises GroupActive: consumers are running
    :raises NeedsOperator: there is no such partition
    """
    if members := group.members():
        raise GroupActive(f"{members} running")
    ends = group.ends()
    missing = set(partitions or ()) - ends.partitions.keys()
    if missing:
        raise NeedsOperator(f"{ends.name} has no partition {min(missing)}")
    offsets = group.find(target, ends)
    wanted = ends.partitions if partitions is None else set(partitions)
    return ends.topic, [
        OffsetMove(position, offsets[position.partition])
        for position in positions(group, ends)
        if position.partition in wanted
    ]


def apply(group: ConsumerGroup, topic: UUID, moves: Sequence[OffsetMove]) -> None:
    """Move the offsets. Skipped records become a gap in the ledger; progress never moves back.

    :raises GroupActive: a consumer joined meanwhile; nothing was skipped
    """
    # Kafka first: it refuses while there are consumers, and its offsets alone change nothing that has effects.
    group.commit({move.position.partition: move.to for move in moves})
    with transaction.atomic():
        for move in moves:
            if move.skipped:
                _skip(topic, move)


def _skip(kafka_id: UUID, move: OffsetMove) -> None:
    topic, _ = Topic.objects.get_or_create(kafka_id=kafka_id, defaults={"name": settings.KAFKA_TOPIC_RAW_DATA})
    number, position = move.position.partition, move.position
    defaults = {"next_offset": 0, "updated_at": timezone.now()}
    Progress.objects.get_or_create(topic=topic, partition=number, defaults=defaults)
    with connection.cursor() as cursor:
        partition = PartitionRef(topic.pk, topic.name, number)
        at = progress.lock(cursor, partition)
        if at != position.progress:
            raise GroupActive(f"partition {number} was worked on meanwhile")
        first = max(at, position.earliest)
        if first > at:
            lost_records.record(cursor, partition, first=at, next_=first, cause=LedgerGap.Cause.REMOVED)
        lost_records.record(cursor, partition, first=first, next_=move.to, cause=LedgerGap.Cause.SKIPPED)
        progress.move(cursor, partition, move.to)
