"""The Kafka producer: connects, publishes records, asks for metadata, closes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TypeAlias

from django.conf import settings
from kafka import KafkaProducer
from kafka.errors import (
    BrokerResponseError,
    CorruptRecordError,
    InvalidRecordError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from kafka.producer.future import FutureRecordMetadata

from ingestion.kafka import client_internals
from ingestion.kafka.connection_options import connection_options
from ingestion.kafka.producer_record import ProducerRecord
from ingestion.kafka.refusals import BrokerRefused

# Seconds. Below DATAFLOW_PUBLISH_DEADLINE_SECONDS, so that most responses know whether a record was published.
DELIVERY_TIMEOUT = 4.0
REQUEST_TIMEOUT = 3.0  # seconds for one attempt; kafka-python requires it to be below the delivery timeout
CONNECT_TIMEOUT = 2.0  # seconds until a broker counts as unavailable
METADATA_TIMEOUT = 2.0  # seconds that send() may block while the topic is unknown
# Kafka's default limit for one batch is 1,048,588 bytes; a partition's share of a flush should fit in one.
BATCH_BYTES = 768 * 1024
REQUEST_BYTES = 8 * 1024 * 1024

_ABOUT_CONTENT = (CorruptRecordError, InvalidRecordError, MessageSizeTooLargeError, RecordListTooLargeError)

CLIENT = "dataflow"  # the name by which brokers know this client

Client: TypeAlias = KafkaProducer


class PublishFailed(Exception):
    """Some records may not be in Kafka, or may still arrive. Publish all of them again."""


def open_producer() -> Client:
    """Connect to Kafka. Blocks for some seconds while no broker answers. Not to be used after a fork.

    :raises PublishFailed: no broker answered, or the brokers refuse the connection
    """
    try:
        return KafkaProducer(
            **connection_options(),
            client_id=CLIENT,
            acks="all",
            # An idempotent producer stays stuck once a batch exceeds the delivery timeout. One request in flight keeps
            # the order without it, and the consumer drops the rare duplicate by the events' ids.
            enable_idempotence=False,
            max_in_flight_requests_per_connection=1,
            delivery_timeout_ms=int(DELIVERY_TIMEOUT * 1000),
            request_timeout_ms=int(REQUEST_TIMEOUT * 1000),
            max_block_ms=int(METADATA_TIMEOUT * 1000),
            bootstrap_timeout_ms=int(CONNECT_TIMEOUT * 1000),
            # The default of 30 s would delay the reconnect long after the broker answers again.
            reconnect_backoff_max_ms=500,
            allow_auto_create_topics=False,
            batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            # They cost time for every record and are not used; see ingestion.metrics.
            metrics_enabled=False,
        )
    except BrokerRefused as error:
        raise PublishFailed(f"Kafka: {error}") from error
    except KafkaError as error:
        raise PublishFailed(f"no Kafka broker answers at {', '.join(settings.KAFKA_BOOTSTRAP_SERVERS)}") from error


def partition_count(producer: Client, topic: str) -> int:
    """Return how many partitions a topic has. Blocks for up to METADATA_TIMEOUT if it is not known yet.

    :raises PublishFailed: the topic is unknown, or no broker answers
    """
    try:
        return len(producer.partitions_for(topic))
    except KafkaError as error:
        raise PublishFailed(f"Kafka gives no partitions for topic {topic}") from error


def round_trip(producer: Client, *, timeout: float) -> float:
    """Request metadata from Kafka and return the seconds it took. Blocks for at most `timeout` seconds.

    :raises PublishFailed: no answer in time
    """
    started = time.monotonic()
    answered = threading.Event()
    future = client_internals.request_metadata(producer, lambda _: answered.set())
    if not answered.wait(timeout) or future.failed():
        raise PublishFailed("Kafka does not answer")
    return time.monotonic() - started


def send(producer: Client, topic: str, record: ProducerRecord) -> FutureRecordMetadata:
    """Send one record; the callbacks of the future run on the client's thread.

    Blocks for up to METADATA_TIMEOUT if the topic is not known, so call partition_count() first.

    :raises PublishFailed: the client did not accept it
    """
    try:
        return producer.send(
            topic, value=record.value, key=record.key, headers=record.headers, partition=record.partition
        )
    # ValueError: the topic has no such partition.
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


def is_refused_for_good(error: BaseException) -> bool:
    """Return whether a broker refused a record, and will refuse others, until an operator acts.

    Not for what it holds, which is one sender's, and not for a condition that passes by itself.
    """
    return isinstance(error, BrokerResponseError) and not error.retriable and not isinstance(error, _ABOUT_CONTENT)


def close_producer(producer: Client, *, timeout: float) -> None:
    """Send pending records, then close; drop those that are still pending after `timeout` seconds."""
    try:
        producer.close(timeout=timeout)
    except KafkaTimeoutError:
        client_internals.force_close(producer)
