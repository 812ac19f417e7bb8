"""Looks at the brokers, at both topics and at the group, for `manage.py doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from kafka.admin import KafkaAdminClient

from processing.errors import kafka_errors
from processing.kafka.administration import admin_client, connecting
from processing.kafka.administration.consumer_group import ConsumerGroup
from processing.kafka.administration.topic_promises import Weakness

_TIMEOUT = 3_000  # milliseconds
_LARGEST = "max.message.bytes"


@dataclass(frozen=True, slots=True)
class InspectedTopic:
    """What brokers say of a topic."""

    partitions: int
    copies: int  # of the partition that has fewest
    leaderless: list[int]  # partitions
    behind: list[int]  # partitions of which a copy is not in sync
    largest: int  # bytes of a batch
    weaknesses: tuple[Weakness, ...]


class Inspection:
    """What is asked within one connection.

    Every call raises StoreUnavailable if Kafka does not answer, and NeedsOperator if it refuses.
    """

    def __init__(self, client: KafkaAdminClient) -> None:
        self._client = client
        self._topics: dict[str, InspectedTopic | None] = {}
        with kafka_errors():
            self.versions = connecting.versions(client)

    def topic(self, name: str) -> InspectedTopic | None:
        """Return what brokers say of a topic; None: there is none."""
        if name not in self._topics:
            with kafka_errors():
                self._topics[name] = self._inspected(name) if name in self._client.list_topics() else None
        return self._topics[name]

    def members(self) -> int:
        """Return how many consumers are in the group."""
        return ConsumerGroup(self._client).members()

    def _inspected(self, name: str) -> InspectedTopic:
        partitions = self._client.describe_topics([name])[0]["partitions"]
        found = admin_client.settings_of(self._client, name)
        return InspectedTopic(
            partitions=len(partitions),
            copies=min(len(one["replica_nodes"]) for one in partitions),
            leaderless=sorted(one["partition_index"] for one in partitions if one["leader_id"] < 0),
            behind=sorted(
                one["partition_index"] for one in partitions if len(one["isr_nodes"]) < len(one["replica_nodes"])
            ),
            largest=int(found.get(_LARGEST, settings.DATAFLOW_MAX_EVENT_BYTES * 2)),
            weaknesses=tuple(admin_client.weaknesses_of(self._client, name)),
        )


@contextmanager
def inspect() -> Iterator[Inspection]:
    """Connect to the brokers.

    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: it refuses
    """
    with connecting.connected("dataflow-doctor", timeout=_TIMEOUT) as client:
        yield Inspection(client)
