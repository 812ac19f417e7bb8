"""Writes to the topic without a receiver, which would reject what some measurements need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kafka import KafkaProducer

from deploy.bench.load.events import make_events
from ingestion.events import timestamps
from ingestion.events.model import Event
from ingestion.events.parser import parse_event
from ingestion.kafka import record_encoder
from ingestion.kafka.partitioner import partition_of

PER_RECORD = 100  # events; about as many as the receiver groups under load
BATCH_BYTES = 768 * 1024  # of one request to a partition


def make_lines(count: int, *, prefix: str) -> Iterator[tuple[Event, bytes]]:
    """Yield the events of `deploy.bench.load.events` in the format that the receivers write."""
    now = timestamps.now()
    for text in make_events(count, prefix=prefix):
        event = parse_event(text, now=now)
        yield event, record_encoder.line(event, received=now)


def fill(address: str, topic: str, lines: Iterable[tuple[Event, bytes]]) -> None:
    """Publish lines as records of PER_RECORD, each source to its partition."""
    producer = KafkaProducer(
        bootstrap_servers=address, acks="all", enable_idempotence=False, linger_ms=5, batch_size=BATCH_BYTES
    )
    partitions = len(producer.partitions_for(topic))
    waiting: dict[int, list[bytes]] = {number: [] for number in range(partitions)}
    for event, line in lines:
        number = partition_of(event.source, partitions)
        waiting[number].append(line)
        if len(waiting[number]) == PER_RECORD:
            _send(producer, topic, number, waiting[number])
            waiting[number] = []
    for number, left in waiting.items():
        if left:
            _send(producer, topic, number, left)
    producer.flush()
    producer.close()


def _send(producer: KafkaProducer, topic: str, partition: int, lines: list[bytes]) -> None:
    headers = record_encoder.headers(count=len(lines))
    producer.send(topic, value=b"\n".join(lines), partition=partition, headers=headers)
