"""Packs the lines of events into records of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ingestion.kafka import record_format
from ingestion.kafka.producer_record import ProducerRecord

MAX_EVENTS = 1_000  # events in one record; docs/records.md has the measurement
MAX_BYTES = 256 * 1024  # of one record's value, unless a single event is larger

Traces = list[tuple[int, bytes]]  # the index of a line, and the W3C trace context that it came with


def build(partition: int, lines: list[bytes], sources: list[str], traces: Traces | None = None) -> list[ProducerRecord]:
    """Return the lines of one partition as few records, in their order.

    A record has a key if all its events have the same source.

    :param sources: the source of each line
    """
    if len(lines) <= MAX_EVENTS and sum(map(len, lines)) + len(lines) <= MAX_BYTES:
        return [_record(partition, lines, sources, _between(traces, 0, len(lines)))]
    return [
        _record(partition, lines[start:stop], sources[start:stop], _between(traces, start, stop))
        for start, stop in _bounds(lines)
    ]


def _bounds(lines: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Yield where each record starts and stops."""
    start = size = 0
    for index, line in enumerate(lines):
        length = len(line) + 1
        if index > start and (index - start == MAX_EVENTS or size + length > MAX_BYTES):
            yield start, index
            start, size = index, 0
        size += length
    yield start, len(lines)


def _between(traces: Traces | None, start: int, stop: int) -> Iterable[bytes]:
    """Return the distinct traces of the lines from start to stop, in their order."""
    return dict.fromkeys(trace for index, trace in traces if start <= index < stop) if traces else ()


def _record(partition: int, lines: list[bytes], sources: list[str], traces: Iterable[bytes]) -> ProducerRecord:
    has_one_source = sources.count(sources[0]) == len(sources)
    return ProducerRecord(
        partition=partition,
        key=sources[0].encode() if has_one_source else None,
        value=b"\n".join(lines),
        headers=record_format.headers(count=len(lines), traces=traces),
    )
