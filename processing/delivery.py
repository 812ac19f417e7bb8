"""Publishes processed events to `processed-data`, at least once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.conf import settings

from ingestion import producer, records
from processing.batch import Entry
from processing.outlet import Outlet

_LINE = b'{"id":"%b","source":"%b","ts":%d,"received":%d,"stored":%d,"payload":%b,"tags":[]}'


class Delivery:
    """The producer for processed events, for one thread; not to be used after a fork."""

    def __init__(self) -> None:
        self._outlet = Outlet()

    def publish(self, rows: Iterable[tuple[Entry, int]]) -> None:
        """Publish rows, each with the time it was stored (microseconds); returns once Kafka has them all.

        :raises StoreUnavailable: Kafka did not acknowledge; publish all of them again
        """
        self._outlet.send(settings.KAFKA_TOPIC_PROCESSED_DATA, lambda partitions: _records(rows, partitions))

    def close(self) -> None:
        self._outlet.close()


def _records(rows: Iterable[tuple[Entry, int]], partitions: int) -> Iterator[producer.Record]:
    by_partition: defaultdict[int, list[tuple[Entry, int]]] = defaultdict(list)
    for row in rows:
        by_partition[producer.partition_of(row[0].source, partitions)].append(row)
    for partition, members in by_partition.items():
        for start in range(0, len(members), records.MAX_EVENTS):
            yield from _bounded(partition, members[start : start + records.MAX_EVENTS])


def _bounded(partition: int, members: list[tuple[Entry, int]]) -> Iterator[producer.Record]:
    """Build records of at most MAX_BYTES, unless one event is larger."""
    lines: list[bytes] = []
    sources: set[str] = set()
    size = 0
    for entry, stored in members:
        line = _line(entry, stored)
        if lines and size + len(line) > records.MAX_BYTES:
            yield _record(partition, lines, sources)
            lines, sources, size = [], set(), 0
        lines.append(line)
        sources.add(entry.source)
        size += len(line) + 1
    yield _record(partition, lines, sources)


def _record(partition: int, lines: list[bytes], sources: set[str]) -> producer.Record:
    key = next(iter(sources)).encode() if len(sources) == 1 else None
    return producer.Record(
        partition=partition, key=key, value=b"\n".join(lines), headers=records.headers(count=len(lines))
    )


def _line(entry: Entry, stored: int) -> bytes:
    return _LINE % (
        entry.text, entry.source.encode(), entry.ts, entry.received, stored, entry.payload
    )  # fmt: skip
