"""The consumer group's offsets, looked at and moved while no consumer runs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetTimestamp
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NoError,
    NotCoordinatorError,
)
from kafka.structs import OffsetAndMetadata

from processing import gaps
from processing.failures import NeedsOperator, from_kafka
from processing.incidents import Partition
from processing.lag import Ends, ends_of
from processing.models import LedgerGap, Progress, Topic

Target = int | datetime | str  # an offset, a time, "earliest" or "latest"
EARLIEST, LATEST = "earliest", "latest"
PATIENCE = 10.0  # seconds until a broker without a coordinator for the group counts as away

_REQUEST_TIMEOUT = 5_000  # milliseconds
_LOCK = "SELECT next_offset FROM progress WHERE topic_id = %s AND partition = %s FOR UPDATE"


class GroupActive(Exception):
    """Consumers are running, and would go on from where they are: stop them first."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where one partition stands."""

    partition: int
    earliest: int
    end: int
    committed: int | None  # in Kafka; None: nothing is
    progress: int  # in PostgreSQL: the first record without effects

    @property
    def lag(self) -> int:
        """Records that have no effects yet."""
        return max(0, self.end - max(self.earliest, self.progress))


@dataclass(frozen=True, slots=True)
class Move:
    """Where one partition is to go on."""

    position: Position
    to: int

    @property
    def skipped(self) -> int:
        """Records that nobody will ever read."""
        return max(0, self.to - max(self.position.earliest, self.position.progress))

    @property
    def again(self) -> int:
        """Records that have their effects and are only published once more."""
        return max(0, min(self.position.progress, self.position.end) - self.to)


class Group:
    """The group as its broker sees it."""

    def __init__(self, client: KafkaAdminClient) -> None:
        self.name: str = settings.DATAFLOW_CONSUMER_GROUP
        self._client = client
        self._topic: str = settings.KAFKA_TOPIC_RAW_DATA

    def members(self) -> int:
        """Give the number of running consumers; one that was killed counts until its session times out.

        To be asked first: where no group ever was, Kafka takes a moment to make room for groups.
        """
        patience = time.monotonic() + PATIENCE
        while True:
            try:
                return len(self._client.describe_groups([self.name])[self.name]["members"])
            except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError):
                if time.monotonic() > patience:
                    raise
                time.sleep(0.2)

    def ends(self) -> Ends:
        """Ask which offsets exist."""
        return ends_of(self._client, self._topic)

    def committed(self) -> dict[int, int]:
        """Give Kafka's own account."""
        found = self._client.list_group_offsets(self.name)[self.name]
        return {at.partition: offset.offset for at, offset in found.items() if at.topic == self._topic}

    def find(self, target: Target, ends: Ends) -> dict[int, int]:
        """Turn a target into each partition's offset; what lies outside of what exists becomes its border."""
        if isinstance(target, datetime):
            found = self._at(target, ends)
        elif isinstance(target, int):
            found = dict.fromkeys(ends.partitions, target)
        else:
            found = {number: border[target == LATEST] for number, border in ends.partitions.items()}
        return {
            number: min(max(offset, ends.partitions[number][0]), ends.partitions[number][1])
            for number, offset in found.items()
        }

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Move Kafka's own account.

        :raises GroupActive: Kafka refuses, since a consumer came meanwhile
        """
        wanted = {
            TopicPartition(self._topic, number): OffsetAndMetadata(offset, "", -1) for number, offset in offsets.items()
        }
        refused = {error for error in self._client.alter_group_offsets(self.name, wanted).values() if error != NoError}
        if refused:
            raise GroupActive(", ".join(sorted(error.__name__ for error in refused)))

    def _at(self, moment: datetime, ends: Ends) -> dict[int, int]:
        milliseconds = OffsetTimestamp(int(moment.timestamp() * 1000))
        keys = [TopicPartition(self._topic, number) for number in ends.partitions]
        found = self._client.list_partition_offsets(dict.fromkeys(keys, milliseconds))
        # Nothing since then is said as -1.
        return {
            at.partition: answer.offset if answer.offset >= 0 else ends.partitions[at.partition][1]
            for at, answer in found.items()
        }


@contextmanager
def opened() -> Iterator[Group]:
    """Connect to the group.

    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: the same, and someone must act
    """
    try:
        client = KafkaAdminClient(
            bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS,
            client_id="dataflow-offsets",
            request_timeout_ms=_REQUEST_TIMEOUT,
            bootstrap_timeout_ms=_REQUEST_TIMEOUT,
        )
    except KafkaError as error:
        raise from_kafka(error) from error
    try:
        yield Group(client)
    except KafkaError as error:
        raise from_kafka(error) from error
    finally:
        client.close()


def positions(group: Group, ends: Ends) -> list[Position]:
    """Put Kafka's and PostgreSQL's accounts side by side."""
    committed = group.committed()
    known = Progress.objects.filter(topic__kafka_id=ends.topic).values_list("partition", "next_offset")
    progress = dict(known)
    return [
        Position(number, earliest, end, committed.get(number), progress.get(number, 0))
        for number, (earliest, end) in sorted(ends.partitions.items())
    ]


def plan(group: Group, target: Target, partitions: Iterable[int] | None) -> tuple[UUID, list[Move]]:
    """Say what a reset would do; changes nothing. Gives Kafka's id of the topic that it is for.

    :param partitions: None: all of them
    :raises GroupActive: there are running consumers
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
        Move(position, offsets[position.partition])
        for position in positions(group, ends)
        if position.partition in wanted
    ]


def carry_out(group: Group, topic: UUID, moves: Sequence[Move]) -> None:
    """Move the offsets. What is skipped becomes a gap in the ledger; progress never moves back.

    :raises GroupActive: a consumer came meanwhile; nothing was skipped
    """
    # Kafka's first: it refuses while there are consumers, and alone it changes nothing that has effects.
    group.commit({move.position.partition: move.to for move in moves})
    with transaction.atomic():
        for move in moves:
            if move.skipped:
                _skip(topic, move)


def _skip(kafka_id: UUID, move: Move) -> None:
    topic, _ = Topic.objects.get_or_create(kafka_id=kafka_id, defaults={"name": settings.KAFKA_TOPIC_RAW_DATA})
    number, position = move.position.partition, move.position
    now = timezone.now()
    Progress.objects.get_or_create(topic=topic, partition=number, defaults={"next_offset": 0, "updated_at": now})
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [topic.pk, number])
        [at] = cursor.fetchone()
        if at != position.progress:
            raise GroupActive(f"partition {number} was worked on meanwhile")
        partition = Partition(topic.pk, topic.name, number)
        first = max(at, position.earliest)
        if first > at:
            gaps.record(cursor, partition, first=at, next_=first, cause=LedgerGap.Cause.REMOVED)
        gaps.record(cursor, partition, first=first, next_=move.to, cause=LedgerGap.Cause.SKIPPED)
    Progress.objects.filter(topic=topic, partition=number).update(next_offset=move.to, updated_at=now)
