"""How much of `raw-data` has no effects yet: Kafka's end offsets against the committed progress."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from ingestion.partitioner import partition_of
from processing.failures import NeedsOperator, from_kafka
from processing.ledger import PartitionProgress

FRESH_FOR = 0.5  # seconds; pages that ask within it share one answer
MAX_WAIT = 1.0  # seconds; then a page shows the last answer and its age
# Milliseconds. Nobody waits for these: they bound how long the thread that asks sticks to a frozen broker.
_REQUEST_TIMEOUT = 3_000
_BOOTSTRAP_TIMEOUT = 2_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ends:
    """The offsets of one topic, as Kafka gave them."""

    topic: UUID  # Kafka's id
    name: str
    partitions: dict[int, tuple[int, int]]  # partition -> earliest offset, end offset
    latency: float  # seconds that Kafka took
    read_at: float  # time.monotonic()


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """What one partition holds beyond its progress."""

    partition: int
    records: int
    events: int  # estimated by the events a record had so far; 0 exactly when `records` is 0
    seconds: float | None  # age of the last record with effects; 0 without lag, None before the first


def lags(ends: Ends, progress: Mapping[tuple[UUID, int], PartitionProgress], *, now: datetime) -> list[PartitionLag]:
    """Join Kafka's offsets with the progress; a partition without progress starts at its earliest record."""
    return [
        _lag(partition, offsets, progress.get((ends.topic, partition)), now=now)
        for partition, offsets in sorted(ends.partitions.items())
    ]


def _lag(partition: int, offsets: tuple[int, int], done: PartitionProgress | None, *, now: datetime) -> PartitionLag:
    earliest, end = offsets
    # Records that retention removed before they were read are no lag: nothing will ever read them.
    start = earliest if done is None else max(earliest, done.next_offset)
    records = max(0, end - start)
    if not records:
        return PartitionLag(partition, 0, 0, 0.0)
    per_record = done.events / done.records if done and done.records else 1.0
    since = done.record_time if done else None
    seconds = None if since is None else max(0.0, (now - since).total_seconds())
    return PartitionLag(partition, records, max(records, round(records * per_record)), seconds)


class Waiting:
    """What waits in the topic, by source: an estimate, since only the consumer looks into records."""

    def __init__(
        self, topic: UUID, lags: Sequence[PartitionLag], progress: Mapping[tuple[UUID, int], PartitionProgress]
    ) -> None:
        self._topic = topic
        self._events = {each.partition: each.events for each in lags}
        self._progress = progress

    def of_source(self, source: str, *, read: int) -> int:
        """Give as large a part of what its partition holds as the source had so far, which is 0 without lag."""
        if not any(self._events.values()):
            return 0
        partition = partition_of(source, len(self._events))
        done = self._progress.get((self._topic, partition))
        if done is None or not done.events:
            return 0
        return round(self._events[partition] * min(1.0, read / done.events))


class EndsReader:
    """Asks Kafka for a topic's offsets in a thread of its own, so that a page never waits for a frozen broker."""

    def __init__(self, servers: list[str], topic: str) -> None:
        self._servers = servers
        self._topic = topic
        self._lock = threading.Lock()
        self._asking: threading.Event | None = None
        self._asked_at = 0.0  # time.monotonic()
        self._last: Ends | None = None
        self._client: KafkaAdminClient | None = None

    def latest(self) -> Ends | None:
        """Give the newest answer, MAX_WAIT after the question at most; None if Kafka never gave one."""
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

    def ask(self) -> Ends:
        """Ask now, in the caller's thread, which must be the only one that uses this reader.

        :raises StoreUnavailable: Kafka does not answer
        :raises NeedsOperator: the same, and someone must act
        """
        try:
            return self._read()
        except UnknownTopicOrPartitionError as error:
            raise NeedsOperator(f"Kafka has no topic {self._topic}: run manage.py prepare_stores") from error
        except (KafkaError, OSError) as error:
            self.close()
            raise from_kafka(error) from error

    def close(self) -> None:
        """Drop the connection; the next question makes another."""
        self._drop_client()

    def _ask(self, done: threading.Event) -> None:
        try:
            self._last = self._read()
        except (KafkaError, OSError):
            logger.warning("Kafka did not say its end offsets", exc_info=True)
            self._drop_client()
        finally:
            with self._lock:
                self._asking = None
            done.set()

    def _read(self) -> Ends:
        client = self._client = self._client or KafkaAdminClient(
            bootstrap_servers=self._servers,
            client_id="dataflow-lag",
            request_timeout_ms=_REQUEST_TIMEOUT,
            bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT,
            reconnect_backoff_max_ms=500,
        )
        return ends_of(client, self._topic)

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def ends_of(client: KafkaAdminClient, name: str) -> Ends:
    """Ask which offsets of a topic exist; raises what Kafka's client raises."""
    started = time.monotonic()
    [topic] = client.describe_topics([name])
    if topic["error_code"]:
        raise UnknownTopicOrPartitionError(name)
    keys = [TopicPartition(name, entry["partition_index"]) for entry in topic["partitions"]]
    earliest = client.list_partition_offsets(dict.fromkeys(keys, OffsetSpec.EARLIEST))
    ends = client.list_partition_offsets(dict.fromkeys(keys, OffsetSpec.LATEST))
    read_at = time.monotonic()
    partitions = {key.partition: (earliest[key].offset, ends[key].offset) for key in keys}
    return Ends(UUID(str(topic["topic_id"])), name, partitions, read_at - started, read_at)


_readers: dict[tuple[int, str, str], EndsReader] = {}
_readers_lock = threading.Lock()


def raw_data_ends() -> Ends | None:
    """Give the offsets of the topic of raw data, within MAX_WAIT; look at `read_at` for their age."""
    servers, topic = list(settings.KAFKA_BOOTSTRAP_SERVERS), settings.KAFKA_TOPIC_RAW_DATA
    with _readers_lock:
        reader = _readers.setdefault((os.getpid(), ",".join(servers), topic), EndsReader(servers, topic))
    return reader.latest()
