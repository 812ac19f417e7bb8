"""Reads ranges of raw-data a second time, outside the consumer group."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import TracebackType

from django.conf import settings
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import OffsetOutOfRangeError

from ingestion.kafka import client_internals
from processing.errors import NeedsOperator, StoreUnavailable, kafka_errors
from processing.events.batch import Record
from processing.kafka import groupless_client, unreadable
from processing.kafka.consumed_record import record_of
from processing.kafka.end_offsets import TopicOffsets
from processing.kafka.unreadable import UnreadableBatch

PATIENCE = 20.0  # seconds without a record, while more must follow, until Kafka counts as unavailable
_REQUEST_TIMEOUT = 5_000  # milliseconds
_FETCH = 4 * 1024 * 1024  # bytes in one answer; bounds what waits in memory


class TopicReader:
    """A reader without a consumer group: it commits no offsets. To be used in a with statement."""

    def __init__(self, *, client_id: str = "dataflow-reconcile", patience: float = PATIENCE) -> None:
        self.topic = settings.KAFKA_TOPIC_RAW_DATA
        self._client_id = client_id
        self._patience = patience
        self.unreadable: list[UnreadableBatch] = []

    def __enter__(self) -> TopicReader:
        """Connect.

        :raises StoreUnavailable: Kafka does not answer
        """
        with kafka_errors():
            self._client = self._connect()
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

    def offsets_at(self, times: Mapping[int, datetime]) -> dict[int, int]:
        """Return the first offset of each partition whose record is of a time or later; its end, if there is none.

        :raises StoreUnavailable: Kafka does not answer
        """
        wanted = {TopicPartition(self.topic, number): int(at.timestamp() * 1000) for number, at in times.items()}
        with kafka_errors():
            found = self._client.offsets_for_times(wanted, timeout_ms=_REQUEST_TIMEOUT)
            ends = self._client.end_offsets([at for at in wanted if not found.get(at)], timeout_ms=_REQUEST_TIMEOUT)
        return {at.partition: int(found[at].offset if found.get(at) else ends[at]) for at in wanted}

    def read(self, ranges: Mapping[int, tuple[int, int]], *, limit: int) -> Iterator[list[Record]]:
        """Yield all records of the ranges that can be read, at most `limit` at once; in order within a partition.

        Batches that can't be read are added to `unreadable` and left out.

        :param ranges: partition -> first offset, and the offset after the last
        :raises StoreUnavailable: Kafka does not answer, or removed records meanwhile
        :raises NeedsOperator: Kafka refuses, or a batch can't be read, nor where it ends
        """
        left = {TopicPartition(self.topic, number): end for number, (first, end) in ranges.items() if first < end}
        self._seek({at: ranges[at.partition][0] for at in left})
        last_answer = time.monotonic()
        while left:
            polled = self._poll(limit, left)
            records = [
                record_of(at.partition, record)
                for at, found in polled.items()
                for record in found
                if record.offset < left[at]
            ]
            if polled:
                last_answer = time.monotonic()
                yield records
                self._drop_finished(left)
            elif time.monotonic() - last_answer > self._patience:
                raise StoreUnavailable(f"Kafka: no record within {self._patience:.0f} s, though there must be more")
            else:
                self._drop_finished(left)

    def _connect(self) -> KafkaConsumer:
        wait = min(_REQUEST_TIMEOUT / 1000, self._patience)
        return groupless_client.connect(self._client_id, wait=wait, fetch_max_bytes=_FETCH)

    def _seek(self, starts: Mapping[TopicPartition, int]) -> None:
        self._client.assign(list(starts))
        # An earlier call of `read` paused them at its end.
        self._client.resume(*starts)
        for at, offset in starts.items():
            self._client.seek(at, offset)

    def _poll(self, limit: int, left: Mapping[TopicPartition, int]) -> dict[TopicPartition, list[ConsumerRecord]]:
        with kafka_errors():
            try:
                client_internals.before_poll(self._client)
                found: dict[TopicPartition, list[ConsumerRecord]] = self._client.poll(timeout_ms=500, max_records=limit)
            except OffsetOutOfRangeError as error:
                raise StoreUnavailable("Kafka: retention removed records while they were read; run it again") from error
            except Exception as error:
                if not unreadable.is_about_content(error) or not self._pass_unreadable(left):
                    raise
                return {}
        return found

    def _pass_unreadable(self, left: Iterable[TopicPartition]) -> bool:
        """Continue with a new client after the batches that can't be read, if there are any."""
        positions = {at: client_internals.position(self._client, at) for at in left}
        starts = {at: offset for at, offset in positions.items() if offset is not None}
        found = unreadable.find({at.partition: offset for at, offset in starts.items()})
        for batch in found:
            if batch.next == batch.first:
                raise NeedsOperator(f"Kafka: {batch.sentence}")
            starts[TopicPartition(self.topic, batch.partition)] = batch.next
        self.unreadable += found
        self._client.close(autocommit=False, timeout_ms=2_000)
        self._client = self._connect()
        self._seek(starts)
        return bool(found)

    def _drop_finished(self, left: dict[TopicPartition, int]) -> None:
        """Remove and pause the partitions whose end is reached."""
        done = [at for at, end in left.items() if self._client.position(at, timeout_ms=_REQUEST_TIMEOUT) >= end]
        for at in done:
            del left[at]
        if done:
            self._client.pause(*done)
