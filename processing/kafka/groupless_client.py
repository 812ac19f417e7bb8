"""Connects a consumer without a group, which reads what others have read already and commits no offsets."""

from __future__ import annotations

from kafka import KafkaConsumer

from ingestion.kafka.connection_options import BROKER_TIMEOUT, connection_options


def connect(client_id: str, *, wait: float, **options: int) -> KafkaConsumer:
    """Connect to Kafka.

    :param wait: seconds for the connection
    :param options: further ones of the client
    :raises KafkaError: Kafka does not answer
    """
    return KafkaConsumer(
        **connection_options(),
        client_id=client_id,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        # As the consumers read: nothing of an aborted transaction.
        isolation_level="read_committed",
        request_timeout_ms=int(BROKER_TIMEOUT * 1000),
        bootstrap_timeout_ms=int(wait * 1000),
        reconnect_backoff_max_ms=500,
        # Until the leaders of a topic are known, which the first read waits for, it is tried again and again.
        retry_backoff_ms=20,
        allow_auto_create_topics=False,
        metrics_enabled=False,
        **options,
    )
