"""Encodes events for Kafka: one canonical JSON line each, packed into records of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ingestion.events.model import Event
from ingestion.kafka.partitioner import partition_of
from ingestion.kafka.producer_record import ProducerRecord
from ingestion.kafka.record_headers import COUNT, FORMAT_VERSION, REQUESTS, TRACE, VERSION, Headers
from ingestion.kafka.submission import Submission
from ingestion.tracing import request_marks
from ingestion.tracing.request_marks import RequestMark

MAX_EVENTS = 1_000  # events in one record; docs/records.md has the measurement
MAX_BYTES = 256 * 1024  # of one record's value, unless a single event is larger

_LINE = b'{"id":"%b","source":"%b","ts":%d,"received":%d,"payload":%b}'
_TIMELESS = b',"timed":false}'
_ATTRIBUTES = b',"attributes":%b}'


def encode(events: Iterable[Event], *, received: int) -> bytes:
    """Return the value of a record of checked events."""
    return b"\n".join([line(event, received=received) for event in events])


def line(event: Event, *, received: int) -> bytes:
    """Return one canonical line, without the newline."""
    text = _LINE % (event.id.encode(), event.source.encode(), event.ts, received, event.payload)
    if not event.timed:
        text = text[:-1] + _TIMELESS
    return text[:-1] + _ATTRIBUTES % event.attributes if event.attributes else text


def headers(*, count: int, marks: Sequence[RequestMark] = ()) -> Headers:
    """Return the headers of a record with `count` events, of which some came with the requests `marks`."""
    own: Headers = [(VERSION, b"%d" % FORMAT_VERSION), (COUNT, b"%d" % count)]
    if not marks:
        return own
    traces = request_marks.traces(marks)
    return [*own, *[(TRACE, trace) for trace in traces], (REQUESTS, request_marks.encode(marks, traces))]


def pack(submissions: Sequence[Submission], partitions: int) -> list[ProducerRecord]:
    """Pack the events of all submissions into records, in the order they came; note each submission's partitions."""
    lines: list[list[bytes]] = [[] for _ in range(partitions)]
    sources: list[list[str]] = [[] for _ in range(partitions)]
    marks: list[list[RequestMark]] = [[] for _ in range(partitions)]
    for submission in submissions:
        bits = 0
        is_marked = submission.trace is not None or submission.request_id is not None
        before = [len(each) for each in lines] if is_marked else ()
        for event in submission.events:
            partition = partition_of(event.source, partitions)
            bits |= 1 << partition
            lines[partition].append(line(event, received=submission.received))
            sources[partition].append(event.source)
        submission.partitions = bits
        for partition, first in enumerate(before):
            if bits >> partition & 1:
                stop = len(lines[partition])
                marks[partition].append(RequestMark(first, stop, submission.request_id, submission.trace))
    return [
        record
        for partition in range(partitions)
        if lines[partition]
        for record in build(partition, lines[partition], sources[partition], marks[partition])
    ]


def build(
    partition: int, lines: list[bytes], sources: list[str], marks: Sequence[RequestMark] = ()
) -> list[ProducerRecord]:
    """Return the lines of one partition as few records, in their order.

    A record has a key if all its events have the same source.

    :param sources: the source of each line
    :param marks: the requests that lines came with
    """
    if len(lines) <= MAX_EVENTS and sum(map(len, lines)) + len(lines) <= MAX_BYTES:
        return [_record(partition, lines, sources, marks)]
    return [
        _record(partition, lines[start:stop], sources[start:stop], request_marks.within(marks, start, stop))
        for start, stop in bounds(lines)
    ]


def bounds(lines: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Yield where each record starts and stops, so that it has at most MAX_EVENTS and MAX_BYTES."""
    start = size = 0
    for index, line in enumerate(lines):
        length = len(line) + 1
        if index > start and (index - start == MAX_EVENTS or size + length > MAX_BYTES):
            yield start, index
            start, size = index, 0
        size += length
    yield start, len(lines)


def key_of(sources: Sequence[str]) -> bytes | None:
    """Return the key of a record: the source, if all its events have the same."""
    return sources[0].encode() if sources.count(sources[0]) == len(sources) else None


def _record(partition: int, lines: list[bytes], sources: list[str], marks: Sequence[RequestMark]) -> ProducerRecord:
    return ProducerRecord(
        partition=partition,
        key=key_of(sources),
        value=b"\n".join(lines),
        headers=headers(count=len(lines), marks=marks),
    )
