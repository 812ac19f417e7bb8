"""Reads a topic back with a plain Kafka client, as any other program would."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from kafka import KafkaConsumer, TopicPartition


@dataclass(frozen=True, slots=True)
class Kept:
    """One record as Kafka keeps it."""

    partition: int
    offset: int
    key: bytes | None
    headers: dict[str, bytes]
    lines: list[dict[str, Any]]


def kept(topic: str) -> list[Kept]:
    """Everything in a topic, from its beginning to its end as of now."""
    consumer = KafkaConsumer(bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS, enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        found: list[Kept] = []
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for records in consumer.poll(timeout_ms=200).values():
                found += [_kept(record) for record in records]
        return found
    finally:
        consumer.close()


def events(topic: str) -> list[dict[str, Any]]:
    """Every event in a topic, in the order of each partition."""
    return [line for record in kept(topic) for line in record.lines]


def stretch(topic: str, partition: int, first: int, until: int) -> list[dict[str, Any]]:
    """Every event in the records of one partition from `first` up to, not including, `until`."""
    at = TopicPartition(topic, partition)
    consumer = KafkaConsumer(bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS, enable_auto_commit=False)
    try:
        consumer.assign([at])
        consumer.seek(at, first)
        found: list[dict[str, Any]] = []
        while consumer.position(at) < until:
            for record in consumer.poll(timeout_ms=200).get(at, []):
                found += _kept(record).lines if record.offset < until else []
        return found
    finally:
        consumer.close()


def ids(topic: str) -> set[str]:
    return {line["id"] for line in events(topic)}


def _kept(record: Any) -> Kept:
    return Kept(record.partition, record.offset, record.key, dict(record.headers), _events(record))


def _events(record: Any) -> list[dict[str, Any]]:
    """The events of a record: lines in raw-data, one JSON value in processed-data."""
    if b"\n" in record.value:
        return [json.loads(line) for line in record.value.split(b"\n")]
    found = json.loads(record.value)
    return found if isinstance(found, list) else [found]
