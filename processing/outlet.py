"""Publishes what processing itself has to say to Kafka: all of it acknowledged, or all of it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ingestion import producer
from ingestion.producer_record import ProducerRecord
from processing.failures import from_kafka

TIMEOUT = 10.0  # seconds for one try


class Outlet:
    """A producer that is made when it is first needed, for one thread; not to be used after a fork."""

    def __init__(self) -> None:
        self._client: producer.Client | None = None

    def send(self, topic: str, build: Callable[[int], Iterable[ProducerRecord]]) -> None:
        """Publish what `build` gives for the topic's number of partitions; returns once Kafka has it all.

        :raises StoreUnavailable: Kafka did not acknowledge; send all of it again
        :raises NeedsOperator: the same, and someone must act
        :raises TooLarge: the same, for the size of one or more of them
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
