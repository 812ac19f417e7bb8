"""Asks brokers for their version, as far as the requests that they take tell it."""

from __future__ import annotations

from kafka.admin import KafkaAdminClient

from ingestion.kafka.connection_options import connection_options
from processing.errors import kafka_errors

_TIMEOUT = 1_000  # milliseconds; what starts does not wait for it


def oldest() -> tuple[int, ...]:
    """Return the version of the oldest broker, as (4, 3).

    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: it refuses
    """
    with kafka_errors():
        client = KafkaAdminClient(
            **connection_options(),
            client_id="dataflow-version",
            request_timeout_ms=_TIMEOUT,
            bootstrap_timeout_ms=_TIMEOUT,
        )
    try:
        with kafka_errors():
            brokers = client.describe_cluster()["brokers"]
            return min(tuple(client.get_broker_version_data(one["broker_id"]).broker_version) for one in brokers)
    finally:
        client.close()
