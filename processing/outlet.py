"""A blocking Kafka producer: returns once all records are acknowledged, or raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ingestion import producer
from ingestion.producer_record import ProducerRecord
from processing.failures import from_kafka

TIMEOUT = 10.0  # seconds for one attempt


class Outlet:
    """A producer that connects at its first use. For one thread; not to be used after a fork."""

    def __init__(self) -> None:
        self._client: producer.Client | None = None

    def send(self, topic: str, build: Callable[[int], Iterable[ProducerRecord]]) -> None:
        """Publish the records that `build` returns for the topic's number of partitions. Blocks until all are acknowledged.

        :raises StoreUnavailable: Kafka did not acknowledge; send all of them again
        :raises NeedsOperator: the same, and an operator must act
        :raises TooLarge: the same, since a record is too large
        """
        try:
            if self._client is None:
                self._client = producer.open_producer()
            partitions = producer.partition_count(self._client, topic)
            producer.send_all(self._client, topic, list(build(partitions)), timeout=TIMEOUT)
        except producer.PublishFailed as error:
            raise from_kafka(error.__cause__, str(error)) from error

    def close(self) -> None:
        if self._client is not None:
            producer.close_producer(self._client, timeout=1.0)
            self._client = None
