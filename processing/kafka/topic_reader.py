"""Reads ranges of raw-data a second time, outside the consumer group."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from types import TracebackType

from django.conf import settings
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import OffsetOutOfRangeError

from ingestion.kafka import client_internals
from processing.errors import NeedsOperator, StoreUnavailable, kafka_errors
from processing.events.batch import Record
from processing.kafka.end_offsets import TopicOffsets

PATIENCE = 20.0  # seconds without a record, while more must follow, until Kafka counts as unavailable
_REQUEST_TIMEOUT = 5_000  # milliseconds
_FETCH = 4 * 1024 * 1024  # bytes in one answer; bounds what waits in memory


class TopicReader:
    """A reader without a consumer group: it commits no offsets. To be used in a with statement."""

    def __init__(self, *, client_id: str = "dataflow-reconcile", patience: float = PATIENCE) -> None:
        self.topic = settings.KAFKA_TOPIC_RAW_DATA
        self._client_id = client_id
        self._patience = patience

    def __enter__(self) -> TopicReader:
        """Connect.

        :raises StoreUnavailable: Kafka does not answer
        """
        with kafka_errors():
            self._client = KafkaConsumer(
                bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS,
                client_id=self._client_id,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                bootstrap_timeout_ms=min(_REQUEST_TIMEOUT, int(self._patience * 1000)),
                reconnect_backoff_max_ms=500,
                fetch_max_bytes=_FETCH,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._client.close(autocommit=False, timeout_ms=2_000)

    def ends(self) -> TopicOffsets:
        """Return which offsets exist.

        :raises StoreUnavailable: Kafka does not answer
        :raises NeedsOperator: there is no such topic
        """
        started = time.monotonic()
        with kafka_errors():
            numbers = self._client.partitions_for_topic(self.topic)
            topic = client_internals.topic_id(self._client, self.topic)
            if not numbers or topic is None:
                raise NeedsOperator(f"Kafka has no topic {self.topic}: run manage.py prepare_stores")
            keys = [TopicPartition(self.topic, number) for number in numbers]
            earliest = self._client.beginning_offsets(keys, timeout_ms=_REQUEST_TIMEOUT)
            ends = self._client.end_offsets(keys, timeout_ms=_REQUEST_TIMEOUT)
        read_at = time.monotonic()
        partitions = {key.partition: (int(earliest[key]), int(ends[key])) for key in keys}
        return TopicOffsets(topic, self.topic, partitions, read_at - started, read_at)

    def read(self, ranges: Mapping[int, tuple[int, int]], *, limit: int) -> Iterator[list[Record]]:
        """Yield all records of the ranges, at most `limit` at once; in order within a partition.

        :param ranges: partition -> first offset, and the offset after the last
        :raises StoreUnavailable: Kafka does not answer, or removed records meanwhile
        """
        left = {TopicPartition(self.topic, number): end for number, (first, end) in ranges.items() if first < end}
        self._client.assign(list(left))
        # An earlier call of `read` paused them at its end.
        self._client.resume(*left)
        for at in left:
            self._client.seek(at, ranges[at.partition][0])
        last_answer = time.monotonic()
        while left:
            polled = self._poll(limit)
            records = [
                _record(at, record) for at, found in polled.items() for record in found if record.offset < left[at]
            ]
            if polled:
                last_answer = time.monotonic()
                yield records
                self._drop_finished(left)
            elif time.monotonic() - last_answer > self._patience:
                raise StoreUnavailable(f"Kafka: no record within {self._patience:.0f} s, though there must be more")
            else:
                self._drop_finished(left)

    def _poll(self, limit: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        with kafka_errors():
            try:
                found: dict[TopicPartition, list[ConsumerRecord]] = self._client.poll(timeout_ms=500, max_records=limit)
            except OffsetOutOfRangeError as error:
                raise StoreUnavailable("Kafka: retention removed records while they were read; run it again") from error
        return found

    def _drop_finished(self, left: dict[TopicPartition, int]) -> None:
        """Remove and pause the partitions whose end is reached."""
        done = [at for at, end in left.items() if self._client.position(at, timeout_ms=_REQUEST_TIMEOUT) >= end]
        for at in done:
            del left[at]
        if done:
            self._client.pause(*done)


def _record(at: TopicPartition, record: ConsumerRecord) -> Record:
    return Record(
        at.partition,
        record.offset,
        record.timestamp * 1000,
        record.value,
        list(record.headers),
    )
