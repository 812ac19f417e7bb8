"""Records as other producers write them, by their own clients: any header, codec, time and transaction."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from confluent_kafka import Producer
from django.conf import settings

from deploy.testing.deployment import Deployment
from processing.tests.factories import event_id

Codec = Literal["none", "gzip", "snappy", "lz4", "zstd"]
CODECS: tuple[Codec, ...] = ("none", "gzip", "snappy", "lz4", "zstd")
End = Literal["none", "commit", "abort"]  # of a transaction
ENDS: tuple[End, ...] = ("none", "commit", "abort")


@dataclass(frozen=True, slots=True)
class Foreign:
    """One record of another producer."""

    value: bytes
    partition: int
    headers: list[tuple[str, str | bytes | None]] | None = None
    timestamp: int | None = None  # milliseconds; None: the client's


def plain(number: int, *, source: str = "foreign", size: int = 0) -> bytes:
    """One event in the public format."""
    return json.dumps(
        {
            "eventId": event_id(number),
            "sourceId": source,
            "timestamp": "2026-03-01T12:00:00Z",
            "payload": {"number": number, "text": "x" * size},
        }
    ).encode()


def send_with_librdkafka(
    topic: str, records: Iterable[Foreign], *, codec: Codec = "none", transaction: End = "none"
) -> None:
    """Send records as one producer of librdkafka does, whose many bindings most other languages use."""
    options = {
        "bootstrap.servers": ",".join(settings.KAFKA_BOOTSTRAP_SERVERS),
        "compression.type": codec,
        "linger.ms": 20,
    }
    if transaction != "none":
        options["transactional.id"] = f"{topic}-{transaction}"
    producer = Producer(options)
    if transaction != "none":
        producer.init_transactions(30)
        producer.begin_transaction()
    for record in records:
        # Zero stands for the present time.
        producer.produce(
            topic, record.value, partition=record.partition, headers=record.headers, timestamp=record.timestamp or 0
        )
    if transaction == "abort":
        # Aborted ones are in the log all the same.
        producer.flush(30)
        producer.abort_transaction(30)
    elif transaction == "commit":
        producer.commit_transaction(30)
    assert producer.flush(30) == 0


@contextmanager
def open_transaction(topic: str, records: Iterable[Foreign]) -> Iterator[None]:
    """Write records in a transaction that is aborted at the end."""
    options = {"bootstrap.servers": ",".join(settings.KAFKA_BOOTSTRAP_SERVERS), "transactional.id": f"{topic}-open"}
    producer = Producer(options)
    producer.init_transactions(30)
    producer.begin_transaction()
    for record in records:
        producer.produce(topic, record.value, partition=record.partition)
    assert producer.flush(30) == 0
    try:
        yield
    finally:
        producer.abort_transaction(30)


def send_with_aiokafka(
    topic: str, records: Iterable[Foreign], *, codec: Codec = "none", transaction: End = "none"
) -> None:
    """Send records as aiokafka does: written in Python, with codecs and batches of its own."""
    asyncio.run(_send_with_aiokafka(topic, list(records), codec, transaction))


async def _send_with_aiokafka(topic: str, records: list[Foreign], codec: Codec, transaction: End) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS,
        compression_type=None if codec == "none" else codec,
        linger_ms=20,
        transactional_id=None if transaction == "none" else f"{topic}-aio-{transaction}",
    )
    await producer.start()
    try:
        if transaction != "none":
            await producer.begin_transaction()
        sent = [
            await producer.send(
                topic,
                record.value,
                partition=record.partition,
                headers=record.headers,
                timestamp_ms=record.timestamp,
            )
            for record in records
        ]
        await asyncio.gather(*sent)
        if transaction == "commit":
            await producer.commit_transaction()
        elif transaction == "abort":
            await producer.abort_transaction()
    finally:
        await producer.stop()


def flip_bit(site: Deployment, *, partition: int, within: bytes) -> None:
    """Damage what the broker has on its disk: one bit of the only place that has these bytes."""
    folder = site.servers.kafka.folder / "data" / f"{site.raw_topic}-{partition}"
    [log] = folder.glob("*.log")
    _flip(log, within)


def _flip(log: Path, within: bytes) -> None:
    place = log.read_bytes().index(within)
    with log.open("r+b") as file:
        file.seek(place)
        file.write(bytes([within[0] ^ 1]))
