"""Reads which offsets of a topic exist in Kafka: the earliest and the end of each partition."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from ingestion.kafka import client_internals
from ingestion.kafka.connection_options import connection_options
from processing.errors import NeedsOperator, kafka_errors

FRESH_FOR = 0.5  # seconds; pages that ask within it share one answer
MAX_WAIT = 1.0  # seconds; a page that waited this long shows the last answer and its age
# Milliseconds. No page waits for these; they bound how long the reading thread waits for a frozen broker.
_REQUEST_TIMEOUT = 3_000
_BOOTSTRAP_TIMEOUT = 2_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TopicOffsets:
    """The offsets that exist in one topic."""

    topic: UUID  # Kafka's id
    name: str
    partitions: dict[int, tuple[int, int]]  # partition -> earliest offset, end offset
    latency: float  # seconds that Kafka took to answer
    read_at: float  # time.monotonic()
    epochs: dict[int, int] = field(default_factory=dict)  # of the leader that writes the next record, where it is known


class OffsetsReader:
    """Reads a topic's offsets in a thread of its own, so that a page never waits for a frozen broker."""

    def __init__(self, servers: list[str], topic: str) -> None:
        self._servers = servers
        self._topic = topic
        self._lock = threading.Lock()
        self._asking: threading.Event | None = None
        self._asked_at = 0.0  # time.monotonic()
        self._last: TopicOffsets | None = None
        self._client: KafkaAdminClient | None = None

    def latest(self) -> TopicOffsets | None:
        """Return the newest answer within MAX_WAIT; None if Kafka never answered."""
        with self._lock:
            last = self._last
            if last and time.monotonic() - last.read_at < FRESH_FOR:
                return last
            if self._asking is None:
                self._asking = threading.Event()
                self._asked_at = time.monotonic()
                threading.Thread(target=self._ask, args=(self._asking,), name="kafka-ends", daemon=True).start()
            asking, patience = self._asking, self._asked_at + MAX_WAIT - time.monotonic()
        asking.wait(max(0.0, patience))
        return self._last

    def ask(self) -> TopicOffsets:
        """Ask now, in the caller's thread, which must be the only one that uses this reader.

        :raises StoreUnavailable: Kafka does not answer
        :raises NeedsOperator: Kafka refuses, or has no such topic
        """
        with kafka_errors():
            try:
                return self._read()
            except UnknownTopicOrPartitionError as error:
                raise NeedsOperator(f"Kafka has no topic {self._topic}: run manage.py prepare_stores") from error
            except (KafkaError, OSError):
                self.close()
                raise

    def ask_epoch_ends(self, epochs: Mapping[int, int]) -> dict[int, int]:
        """Ask for the end of a leader epoch of each partition: the offset after its last record, or an earlier epoch's.

        -1 where Kafka has no record of so late an epoch.

        :raises StoreUnavailable: Kafka does not answer
        :raises NeedsOperator: Kafka refuses
        """
        with kafka_errors():
            try:
                keys = {TopicPartition(self._topic, number): epoch for number, epoch in epochs.items()}
                found = client_internals.epoch_ends(self._connected(), keys)
            except (KafkaError, OSError):
                self.close()
                raise
        return {at.partition: end for at, end in found.items()}

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._drop_client()

    def _ask(self, done: threading.Event) -> None:
        try:
            self._last = self._read()
        except (KafkaError, OSError):
            logger.warning("end offsets not read from Kafka", exc_info=True)
            self._drop_client()
        finally:
            with self._lock:
                self._asking = None
            done.set()

    def _read(self) -> TopicOffsets:
        return read_offsets(self._connected(), self._topic)

    def _connected(self) -> KafkaAdminClient:
        client = self._client = self._client or KafkaAdminClient(
            **connection_options(self._servers),
            client_id="dataflow-lag",
            request_timeout_ms=_REQUEST_TIMEOUT,
            bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT,
            reconnect_backoff_max_ms=500,
        )
        return client

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def read_offsets(client: KafkaAdminClient, name: str) -> TopicOffsets:
    """Return which offsets of a topic exist; raises the errors of Kafka's client as they are."""
    started = time.monotonic()
    [topic] = client.describe_topics([name])
    if topic["error_code"]:
        raise UnknownTopicOrPartitionError(name)
    keys = [TopicPartition(name, entry["partition_index"]) for entry in topic["partitions"]]
    earliest = client.list_partition_offsets(dict.fromkeys(keys, OffsetSpec.EARLIEST))
    ends = client.list_partition_offsets(dict.fromkeys(keys, OffsetSpec.LATEST))
    read_at = time.monotonic()
    partitions = {key.partition: (earliest[key].offset, ends[key].offset) for key in keys}
    epochs = {key.partition: ends[key].leader_epoch for key in keys if ends[key].leader_epoch is not None}
    return TopicOffsets(UUID(str(topic["topic_id"])), name, partitions, read_at - started, read_at, epochs)


_readers: dict[tuple[int, str, str], OffsetsReader] = {}
_readers_lock = threading.Lock()


def raw_data_offsets() -> TopicOffsets | None:
    """Return the offsets of raw-data within MAX_WAIT, None if Kafka never answered; `read_at` tells their age."""
    servers, topic = list(settings.KAFKA_BOOTSTRAP_SERVERS), settings.KAFKA_TOPIC_RAW_DATA
    with _readers_lock:
        reader = _readers.setdefault((os.getpid(), ",".join(servers), topic), OffsetsReader(servers, topic))
    return reader.latest()
