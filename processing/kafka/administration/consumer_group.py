"""Reads and moves the consumer group's offsets in Kafka, while no consumer runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetTimestamp
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NoError,
    NotCoordinatorError,
)
from kafka.structs import OffsetAndMetadata

from processing.errors import kafka_errors
from processing.kafka.administration.connecting import connected
from processing.kafka.end_offsets import TopicOffsets, read_offsets

Target = int | datetime | str  # an offset, a time, "earliest" or "latest"
EARLIEST, LATEST = "earliest", "latest"
PATIENCE = 10.0  # seconds until a broker without a coordinator for the group counts as unavailable

_REQUEST_TIMEOUT = 5_000  # milliseconds


class GroupActive(Exception):
    """Consumers are running and would continue from their own positions: stop them first."""


class ConsumerGroup:
    """The group as its broker sees it; see `open_group`.

    Every call raises StoreUnavailable if Kafka does not answer, and NeedsOperator if it refuses.
    """

    def __init__(self, client: KafkaAdminClient) -> None:
        self.name: str = settings.DATAFLOW_CONSUMER_GROUP
        self._client = client
        self._topic: str = settings.KAFKA_TOPIC_RAW_DATA

    def members(self) -> int:
        """Return the number of running consumers; a killed one counts until its session times out.

        Call it first: on a broker that never had a group, Kafka needs a moment to create the offsets topic.
        """
        deadline = time.monotonic() + PATIENCE
        with kafka_errors():
            while True:
                try:
                    return len(self._client.describe_groups([self.name])[self.name]["members"])
                except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError):
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.2)

    def ends(self) -> TopicOffsets:
        """Return which offsets exist."""
        with kafka_errors():
            return read_offsets(self._client, self._topic)

    def committed(self) -> dict[int, int]:
        """Return the offsets committed in Kafka, by partition."""
        with kafka_errors():
            found = self._client.list_group_offsets(self.name)[self.name]
        return {at.partition: offset.offset for at, offset in found.items() if at.topic == self._topic}

    def find(self, target: Target, ends: TopicOffsets) -> dict[int, int]:
        """Return the target's offset in each partition, limited to the offsets that exist."""
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
        """Commit offsets for the group.

        :raises GroupActive: Kafka refuses, since a consumer joined meanwhile
        """
        wanted = {
            TopicPartition(self._topic, number): OffsetAndMetadata(offset, "", -1) for number, offset in offsets.items()
        }
        with kafka_errors():
            answers = self._client.alter_group_offsets(self.name, wanted).values()
        refused = {error for error in answers if error != NoError}
        if refused:
            raise GroupActive(", ".join(sorted(error.__name__ for error in refused)))

    def _at(self, moment: datetime, ends: TopicOffsets) -> dict[int, int]:
        milliseconds = OffsetTimestamp(int(moment.timestamp() * 1000))
        keys = [TopicPartition(self._topic, number) for number in ends.partitions]
        with kafka_errors():
            found = self._client.list_partition_offsets(dict.fromkeys(keys, milliseconds))
        # -1: no record since then.
        return {
            at.partition: answer.offset if answer.offset >= 0 else ends.partitions[at.partition][1]
            for at, answer in found.items()
        }


@contextmanager
def open_group() -> Iterator[ConsumerGroup]:
    """Connect to the group.

    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: Kafka refuses
    """
    with connected("dataflow-offsets", timeout=_REQUEST_TIMEOUT) as client:
        yield ConsumerGroup(client)
