"""A Kafka client for tests of receivers that need no broker."""

from __future__ import annotations

import contextvars
from collections.abc import Callable

from ingestion.kafka.record_headers import Headers


class AcknowledgedFuture:
    """What the Kafka client returns for a record that the broker has."""

    def add_callback(self, callback: Callable[[object], object]) -> AcknowledgedFuture:
        callback(None)
        return self

    def add_errback(self, _: object) -> AcknowledgedFuture:
        return self


class NoLeaders:
    """The metadata of a client that knows no broker, so that all records go through the client."""

    def leader_for_partition(self, _: object) -> None:
        return None

    def broker_metadata(self, _: object) -> None:
        return None


class KafkaStub:
    """A Kafka client whose broker acknowledges at once."""

    context: contextvars.Context  # of the last flush
    headers: list[Headers]  # of the records
    _metadata = NoLeaders()

    def __init__(self, **_: object) -> None:
        KafkaStub.headers = []

    def partitions_for(self, _: str) -> set[int]:
        return {0, 1, 2}

    def send(self, _: str, *, headers: Headers, **_record: object) -> AcknowledgedFuture:
        KafkaStub.headers.append(headers)
        KafkaStub.context = contextvars.copy_context()
        return AcknowledgedFuture()

    def close(self, timeout: float) -> None:
        pass
