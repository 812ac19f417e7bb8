"""Publishes processed events to the topic `processed-data`, at least once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.conf import settings

from ingestion.kafka import record_encoder
from ingestion.kafka.partitioner import partition_of
from ingestion.kafka.producer_record import ProducerRecord
from processing.events.batch import Entry
from processing.kafka.publisher import RecordPublisher

_LINE = b'{"id":"%b","source":"%b","ts":%d,"received":%d,"stored":%d,"payload":%b,"tags":[]}'


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
        lines = [_line(entry, stored) for entry, stored in members]
        yield from record_encoder.build(partition, lines, [entry.source for entry, _ in members])


def _line(entry: Entry, stored: int) -> bytes:
    return _LINE % (
        entry.text, entry.source.encode(), entry.ts, entry.received, stored, entry.payload
    )  # fmt: skip
