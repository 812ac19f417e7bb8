"""The one place that writes to Kafka."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TypeAlias

from django.conf import settings
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.producer.future import FutureRecordMetadata

from ingestion.producer_record import ProducerRecord

DELIVERY_TIMEOUT = (
    4.0  # seconds; under DATAFLOW_PUBLISH_DEADLINE_SECONDS, so that most answers know what became of the record
)
REQUEST_TIMEOUT = 3.0  # seconds for one try; kafka-python wants it under the delivery timeout
CONNECT_TIMEOUT = 2.0  # seconds until a broker that is away counts as away
METADATA_TIMEOUT = 2.0  # seconds that send() may block when the topic is unknown
# Kafka's default limit for one batch is 1,048,588 bytes; a partition's share of a flush should fit in one.
BATCH_BYTES = 768 * 1024
REQUEST_BYTES = 8 * 1024 * 1024

Client: TypeAlias = KafkaProducer


class PublishFailed(Exception):
    """Some records may not be in Kafka, or may still arrive: publish all of them again."""


def open_producer() -> Client:
    """Connect to Kafka. Blocks for some seconds while the broker is away; not to be used after a fork.

    :raises PublishFailed: no broker answered
    """
    try:
        return KafkaProducer(
            bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS,
            client_id="dataflow",
            acks="all",
            # An idempotent producer is stuck for ever once a batch outlives the delivery timeout. One request in flight
            # keeps the order without it; its rare duplicate is absorbed by the events' ids.
            enable_idempotence=False,
            max_in_flight_requests_per_connection=1,
            delivery_timeout_ms=int(DELIVERY_TIMEOUT * 1000),
            request_timeout_ms=int(REQUEST_TIMEOUT * 1000),
            max_block_ms=int(METADATA_TIMEOUT * 1000),
            bootstrap_timeout_ms=int(CONNECT_TIMEOUT * 1000),
            # The default of 30 s keeps the door closed long after the broker is back.
            reconnect_backoff_max_ms=500,
            allow_auto_create_topics=False,
            batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            # Costs time for every record, and nothing reads them: ours are in ingestion.metrics.
            metrics_enabled=False,
        )
    except KafkaError as error:
        raise PublishFailed(f"no Kafka broker answers at {', '.join(settings.KAFKA_BOOTSTRAP_SERVERS)}") from error


def partition_count(producer: Client, topic: str) -> int:
    """Learn how many partitions a topic has. Blocks for up to METADATA_TIMEOUT when it is not known yet.

    :raises PublishFailed: the topic is unknown, or the broker is away
    """
    try:
        return len(producer.partitions_for(topic))
    except KafkaError as error:
        raise PublishFailed(f"Kafka gives no partitions for topic {topic}") from error


def round_trip(producer: Client, *, timeout: float) -> float:
    """Ask Kafka for its metadata; gives the seconds it took. Blocks for at most `timeout` seconds.

    :raises PublishFailed: no answer in time
    """
    started = time.monotonic()
    answered = threading.Event()
    # The client has no public call that asks the broker something each time, and a client of its own would take a thread.
    future = producer._metadata.request_update()  # noqa: SLF001
    future.add_both(lambda _: answered.set())
    producer._sender.wakeup()  # noqa: SLF001
    if not answered.wait(timeout) or future.failed():
        raise PublishFailed("Kafka does not answer")
    return time.monotonic() - started


def send(producer: Client, topic: str, record: ProducerRecord) -> FutureRecordMetadata:
    """Hand one record to the client; its callbacks run on the client's thread.

    Blocks for METADATA_TIMEOUT when the topic is not known, so learn partition_count() first.

    :raises PublishFailed: it was not taken
    """
    try:
        return producer.send(
            topic, value=record.value, key=record.key, headers=record.headers, partition=record.partition
        )
    # ValueError: the topic has no such partition (any more).
    except (KafkaError, ValueError) as error:
        raise PublishFailed(f"Kafka took no record for topic {topic}, partition {record.partition}") from error


def send_all(producer: Client, topic: str, records: Sequence[ProducerRecord], *, timeout: float) -> None:
    """Publish records and wait, for at most `timeout` seconds, until Kafka has acknowledged every one.

    :raises PublishFailed: a record was not acknowledged; any of them may be in the topic
    """
    deadline = time.monotonic() + timeout
    try:
        futures = [send(producer, topic, record) for record in records]
        for future in futures:
            future.get(timeout=max(0.0, deadline - time.monotonic()))
    except KafkaError as error:
        raise PublishFailed(f"Kafka did not acknowledge {len(records)} records for topic {topic}") from error


def close_producer(producer: Client, *, timeout: float) -> None:
    """Send what waits, then close; give up what is unsent after `timeout` seconds."""
    try:
        producer.close(timeout=timeout)
    except KafkaTimeoutError:
        # close() raises before it ends its thread, and would again: only the sender itself can be told to stop.
        producer._sender.force_close()  # noqa: SLF001
