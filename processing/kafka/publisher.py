"""Publishes records of processing to Kafka, and waits until all of them are acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ingestion.kafka import producer
from ingestion.kafka.producer_record import ProducerRecord
from processing.errors import kafka_errors

TIMEOUT = 10.0  # seconds for one attempt


class RecordPublisher:
    """A producer that connects on first use. For one thread; not to be used after a fork."""

    def __init__(self) -> None:
        self._client: producer.Client | None = None

    def send(self, topic: str, build: Callable[[int], Iterable[ProducerRecord]]) -> None:
        """Publish the records that `build` returns for the topic's number of partitions; wait until Kafka has them all.

        :raises StoreUnavailable: Kafka did not acknowledge; send all of it again
        :raises NeedsOperator: the same, and an operator must act
        :raises TooLarge: the same, because of the size of one or more records
        """
        with kafka_errors():
            if self._client is None:
                self._client = producer.open_producer()
            partitions = producer.partition_count(self._client, topic)
            producer.send_all(self._client, topic, list(build(partitions)), timeout=TIMEOUT)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._client is not None:
            producer.close_producer(self._client, timeout=1.0)
            self._client = None
