"""Asks Kafka's brokers about their volumes and the topics' settings, and makes the topics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from django.conf import settings
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

from ingestion.kafka.connection_options import connection_options
from processing.errors import kafka_errors
from processing.kafka.administration.topic_promises import RETENTION, Weakness, wanted_settings, weaknesses

_TIMEOUT = 5_000  # milliseconds
_CREATION_TIMEOUT = 10_000  # milliseconds until a broker counts as unavailable when topics are made
_DAY = 24 * 3600 * 1000  # milliseconds


@dataclass(frozen=True, slots=True)
class PreparedTopic:
    """A topic that `prepare_topics` found or made."""

    topic: str
    partitions: int
    created: bool  # in a dry run: would be
    weak: tuple[Weakness, ...] = ()  # settings that weaken a promise


class AdminClient:
    """A client that reads what brokers report about raw-data. To be used in a with statement.

    Every call raises StoreUnavailable if Kafka does not answer, and NeedsOperator if it refuses.
    """

    def __init__(self) -> None:
        self._topic = settings.KAFKA_TOPIC_RAW_DATA

    def __enter__(self) -> AdminClient:
        with kafka_errors():
            self._client = KafkaAdminClient(
                **connection_options(),
                client_id="dataflow-caretaker",
                request_timeout_ms=_TIMEOUT,
                bootstrap_timeout_ms=_TIMEOUT,
            )
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._client.close()

    def log_dirs(self) -> Iterator[tuple[int, int, int]]:
        """Yield the broker's number, and used and total bytes, of each volume; brokers report them since Kafka 3.3."""
        with kafka_errors():
            answers = self._client.describe_log_dirs([self._topic])
        for answer in answers:
            for log_dir in answer["log_dirs"]:
                total = int(log_dir.get("total_bytes", -1))
                yield answer["broker"], total - int(log_dir.get("usable_bytes", -1)), total

    def retention(self) -> int | None:
        """Return for how many milliseconds the topic keeps records; None: without limit."""
        with kafka_errors():
            milliseconds = int(settings_of(self._client, self._topic)[RETENTION])
        return milliseconds if milliseconds >= 0 else None

    def weaknesses(self) -> list[Weakness]:
        """Return the settings of the topic that weaken a promise."""
        with kafka_errors():
            return weaknesses_of(self._client, self._topic)

    def first_since(self, partitions: list[int], *, time: int) -> dict[int, int]:
        """Return each partition's first offset whose record is of `time` (milliseconds) or later, if there is one."""
        with kafka_errors():
            found = self._client.list_partition_offsets(
                {TopicPartition(self._topic, number): time for number in partitions}
            )
        return {at.partition: at_time.offset for at, at_time in found.items() if at_time.offset >= 0}


def prepare_topics(*, dry_run: bool = False) -> list[PreparedTopic]:
    """Make the topics that are missing; in a dry run Kafka only validates that it would.

    :raises StoreUnavailable: Kafka does not answer
    :raises NeedsOperator: Kafka refuses
    """
    with kafka_errors("Kafka does not answer"):
        client = KafkaAdminClient(**connection_options(), bootstrap_timeout_ms=_CREATION_TIMEOUT)
    try:
        with kafka_errors(detailed=True):
            names = (settings.KAFKA_TOPIC_RAW_DATA, settings.KAFKA_TOPIC_PROCESSED_DATA)
            return [_prepare(client, name, dry_run=dry_run) for name in names]
    finally:
        client.close()


def _prepare(client: KafkaAdminClient, name: str, *, dry_run: bool) -> PreparedTopic:
    wanted = NewTopic(
        name,
        num_partitions=settings.DATAFLOW_KAFKA_PARTITIONS,
        replication_factor=settings.DATAFLOW_KAFKA_REPLICATION,
        topic_configs=wanted_settings(replication=settings.DATAFLOW_KAFKA_REPLICATION, retention=_retention()),
    )
    try:
        client.create_topics([wanted], validate_only=dry_run)
    except TopicAlreadyExistsError:
        return PreparedTopic(
            name, len(_partitions(client, name)), created=False, weak=tuple(weaknesses_of(client, name))
        )
    return PreparedTopic(name, settings.DATAFLOW_KAFKA_PARTITIONS, created=True)


def _partitions(client: KafkaAdminClient, name: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = client.describe_topics([name])[0]["partitions"]
    return found


def settings_of(client: KafkaAdminClient, name: str) -> dict[str, str]:
    """Return all settings of a topic. For callers within `kafka_errors`."""
    resource = ConfigResource(ConfigResourceType.TOPIC, name, None)
    [found] = client.describe_configs([resource], config_filter="all").values()
    return {setting: str(data["value"]) for setting, data in found[name].items()}


def weaknesses_of(client: KafkaAdminClient, name: str) -> list[Weakness]:
    """Return the settings of a topic that weaken a promise. For callers within `kafka_errors`."""
    copies = min(len(partition["replica_nodes"]) for partition in _partitions(client, name))
    return weaknesses(settings_of(client, name), replication=copies, retention=_retention())


def _retention() -> int:
    return int(settings.DATAFLOW_KAFKA_RETENTION_DAYS * _DAY)
