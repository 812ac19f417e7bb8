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
    created: bool  # in a dry run: would be


def prepare(*, dry_run: bool = False) -> list[Prepared]:
    """Make the topics that are missing; in a dry run, let Kafka judge whether it would.

    :raises StoreUnavailable: Kafka does not answer
    """
    try:
        client = KafkaAdminClient(bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS, bootstrap_timeout_ms=10_000)
    except KafkaError as error:
        raise from_kafka(error, "Kafka does not answer") from error
    try:
        names = (settings.KAFKA_TOPIC_RAW_DATA, settings.KAFKA_TOPIC_PROCESSED_DATA)
        return [_prepare(client, name, dry_run=dry_run) for name in names]
    except KafkaError as error:
        raise from_kafka(error, f"Kafka: {error}") from error
    finally:
        client.close()


def _prepare(client: KafkaAdminClient, name: str, *, dry_run: bool) -> Prepared:
    wanted = NewTopic(
        name,
        num_partitions=settings.DATAFLOW_KAFKA_PARTITIONS,
        replication_factor=settings.DATAFLOW_KAFKA_REPLICATION,
        topic_configs={
            "retention.ms": str(settings.DATAFLOW_KAFKA_RETENTION_DAYS * DAY),
        },
    )
    try:
        client.create_topics([wanted], validate_only=dry_run)
    except TopicAlreadyExistsError:
        return Prepared(name, _partitions(client, name), created=False)
    return Prepared(name, settings.DATAFLOW_KAFKA_PARTITIONS, created=True)


def _partitions(client: KafkaAdminClient, name: str) -> int:
    return len(client.describe_topics([name])[0]["partitions"])
