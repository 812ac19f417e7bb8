"""Makes the topics, and the one place that knows their settings."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from processing.failures import from_kafka

DAY = 24 * 3600 * 1000  # milliseconds


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` found or made."""

    topic: str
    partitions: int
    created: bool


def prepare() -> list[Prepared]:
    """Make the topics that are missing.

    :raises StoreUnavailable: Kafka does not answer
    """
    try:
        client = KafkaAdminClient(bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS, bootstrap_timeout_ms=10_000)
    except KafkaError as error:
        raise from_kafka(error, "Kafka does not answer") from error
    try:
        return [_prepare(client, name) for name in (settings.KAFKA_TOPIC_RAW_DATA, settings.KAFKA_TOPIC_PROCESSED_DATA)]
    except KafkaError as error:
        raise from_kafka(error, f"Kafka: {error}") from error
    finally:
        client.close()


def _prepare(client: KafkaAdminClient, name: str) -> Prepared:
    wanted = NewTopic(
        name,
        num_partitions=settings.DATAFLOW_KAFKA_PARTITIONS,
        replication_factor=settings.DATAFLOW_KAFKA_REPLICATION,
        topic_configs={
            "retention.ms": str(settings.DATAFLOW_KAFKA_RETENTION_DAYS * DAY),
        },
    )
    try:
        client.create_topics([wanted])
    except TopicAlreadyExistsError:
        return Prepared(name, _partitions(client, name), created=False)
    return Prepared(name, settings.DATAFLOW_KAFKA_PARTITIONS, created=True)


def _partitions(client: KafkaAdminClient, name: str) -> int:
    return len(client.describe_topics([name])[0]["partitions"])
