"""Counts the partitions of topics, and adds some."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from kafka.admin import KafkaAdminClient
from kafka.errors import UnknownTopicOrPartitionError

from processing.errors import NeedsOperator, StoreUnavailable, kafka_errors
from processing.kafka.administration.connecting import connected
from processing.kafka.end_offsets import TopicOffsets, read_offsets

PATIENCE = 30.0  # seconds until new partitions without leaders count as failed
_TIMEOUT = 5_000  # milliseconds
_PAUSE = 0.2  # seconds between two looks


class TopicPartitions:
    """What Kafka says of topics; see `open_topics`.

    Every call raises StoreUnavailable if Kafka does not answer, and NeedsOperator if it refuses.
    """

    def __init__(self, client: KafkaAdminClient) -> None:
        self._client = client

    def offsets(self, topic: str) -> TopicOffsets:
        """Return which offsets exist in each partition."""
        with kafka_errors(detailed=True):
            return read_offsets(self._client, topic)

    def add(self, topic: str, *, total: int) -> TopicOffsets:
        """Add partitions, up to `total`; return the offsets once each of them has a leader.

        :raises StoreUnavailable: one has none in time; it may get one later
        """
        with kafka_errors(detailed=True):
            self._client.create_partitions({topic: total})
        deadline = time.monotonic() + PATIENCE
        while True:
            found = self._offsets_if_known(topic)
            if found is not None and len(found.partitions) >= total:
                return found
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"Kafka: a new partition of {topic} has no leader")
            time.sleep(_PAUSE)

    def _offsets_if_known(self, topic: str) -> TopicOffsets | None:
        try:
            return self.offsets(topic)
        except StoreUnavailable:
            return None
        except NeedsOperator as error:
            # One broker has heard of the new partitions, and another has not yet.
            if isinstance(error.__cause__, UnknownTopicOrPartitionError):
                return None
            raise


@contextmanager
def open_topics() -> Iterator[TopicPartitions]:
    """Connect to Kafka.

    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: Kafka refuses
    """
    with connected("dataflow-partitions", timeout=_TIMEOUT, reconnect_backoff_max_ms=500) as client:
        yield TopicPartitions(client)
