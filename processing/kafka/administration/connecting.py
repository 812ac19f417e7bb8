"""Connects to Kafka for a few questions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.admin import KafkaAdminClient

from ingestion.kafka.connection_options import connection_options
from processing.errors import kafka_errors


@contextmanager
def connected(name: str, *, timeout: int, **more: int) -> Iterator[KafkaAdminClient]:
    """Connect until the end of the block.

    :param name: what brokers log the client as
    :param timeout: of the connection and of each request, milliseconds
    :param more: further options of the client
    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: Kafka refuses
    """
    with kafka_errors():
        client = KafkaAdminClient(
            **connection_options(), client_id=name, request_timeout_ms=timeout, bootstrap_timeout_ms=timeout, **more
        )
    try:
        yield client
    finally:
        client.close()


def versions(client: KafkaAdminClient) -> dict[int, tuple[int, ...]]:
    """Return the version of each broker by its number, as (4, 3), as far as the requests that it takes tell it.

    For callers within `kafka_errors`.
    """
    numbers = [one["broker_id"] for one in client.describe_cluster()["brokers"]]
    return {number: tuple(client.get_broker_version_data(number).broker_version) for number in numbers}
