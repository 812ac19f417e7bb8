"""Publishes processed events to the topic `processed-data`, at least once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.conf import settings

from ingestion.kafka import record_encoder
from ingestion.kafka.partitioner import partition_of
from ingestion.kafka.producer_record import ProducerRecord
from ingestion.kafka.record_headers import COUNT
from processing.events.batch import Entry
from processing.kafka.publisher import RecordPublisher

_OBJECT = b'{"id":"%b","source":"%b","ts":%d,"received":%d,"stored":%d,"payload":%b,"tags":[]}'


class ProcessedTopic:
    """The producer of processed events. For one thread; not to be used after a fork."""

    def __init__(self) -> None:
        self._outlet = RecordPublisher()

    def publish(self, rows: Iterable[tuple[Entry, int]]) -> None:
        """Publish rows, each with the time when it was stored (microseconds). Returns once Kafka has acknowledged all.

        :raises StoreUnavailable: Kafka did not acknowledge; publish all rows again
        """
        self._outlet.send(settings.KAFKA_TOPIC_PROCESSED_DATA, lambda partitions: _records(rows, partitions))

    def close(self) -> None:
        self._outlet.close()


def _records(rows: Iterable[tuple[Entry, int]], partitions: int) -> Iterator[ProducerRecord]:
    by_partition: defaultdict[int, list[tuple[Entry, int]]] = defaultdict(list)
    for row in rows:
        by_partition[partition_of(row[0].source, partitions)].append(row)
    for partition, members in by_partition.items():
        objects = [_object(entry, stored) for entry, stored in members]
        sources = [entry.source for entry, _ in members]
        if settings.DATAFLOW_PROCESSED_ONE_EVENT_PER_RECORD:
            bounds: Iterable[tuple[int, int]] = ((place, place + 1) for place in range(len(objects)))
        else:
            bounds = record_encoder.bounds(objects)
        for start, stop in bounds:
            yield _record(partition, objects[start:stop], sources[start:stop])


def _record(partition: int, objects: list[bytes], sources: list[str]) -> ProducerRecord:
    """Build a record whose value any JSON reader can read: an object, or an array of more than one."""
    return ProducerRecord(
        partition=partition,
        key=record_encoder.key_of(sources),
        value=objects[0] if len(objects) == 1 else b"[" + b",".join(objects) + b"]",
        headers=[(COUNT, b"%d" % len(objects))],
    )


def _object(entry: Entry, stored: int) -> bytes:
    return _OBJECT % (
        entry.text, entry.source.encode(), entry.ts, entry.received, stored, entry.payload
    )  # fmt: skip
