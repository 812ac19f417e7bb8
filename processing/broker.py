"""What Kafka says about itself: how full its volumes are, how long it keeps records, how old they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from django.conf import settings
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError

from processing.failures import StoreUnavailable

_TIMEOUT = 5_000  # milliseconds
_RETENTION = "retention.ms"


class Broker:
    """A client that only asks. To be used in a with statement; every question raises StoreUnavailable."""

    def __init__(self) -> None:
        self._topic = settings.KAFKA_TOPIC_RAW_DATA

    def __enter__(self) -> Broker:
        with _failures():
            self._client = KafkaAdminClient(
                bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS,
                client_id="dataflow-caretaker",
                request_timeout_ms=_TIMEOUT,
                bootstrap_timeout_ms=_TIMEOUT,
            )
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._client.close()

    def log_dirs(self) -> Iterator[tuple[int, int, int]]:
        """Give the broker, and used and total bytes of each of its volumes; brokers say them since Kafka 3.3."""
        with _failures():
            answers = self._client.describe_log_dirs([self._topic])
        for answer in answers:
            for log_dir in answer["log_dirs"]:
                total = int(log_dir.get("total_bytes", -1))
                yield answer["broker"], total - int(log_dir.get("usable_bytes", -1)), total

    def retention(self) -> int | None:
        """Give for how many milliseconds the topic keeps records; None: for ever."""
        resource = ConfigResource(ConfigResourceType.TOPIC, self._topic, {_RETENTION: None})
        with _failures():
            [found] = self._client.describe_configs([resource], config_filter="all").values()
        milliseconds = int(found[self._topic][_RETENTION]["value"])
        return milliseconds if milliseconds >= 0 else None

    def first_since(self, partitions: list[int], *, time: int) -> dict[int, int]:
        """Give each partition's first offset whose record is of `time` (milliseconds) or later, if there is one."""
        with _failures():
            found = self._client.list_partition_offsets(
                {TopicPartition(self._topic, number): time for number in partitions}
            )
        return {at.partition: at_time.offset for at, at_time in found.items() if at_time.offset >= 0}


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise StoreUnavailable(f"Kafka: {type(error).__name__}") from error
