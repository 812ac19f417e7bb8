"""One round trip to Kafka: the events of many requests as few records, and the answer to each request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from ingestion import records
from ingestion.contract import Event
from ingestion.producer import Client, PublishFailed, Record, partition_of, send

Traces = list[tuple[int, bytes]]  # the number of a line, and the trace context that it came with


class Submission:
    """One request's events on their way to Kafka."""

    __slots__ = ("acknowledged", "deadline", "events", "partitions", "received", "size", "trace")

    def __init__(
        self,
        events: Sequence[Event],
        *,
        received: int,
        size: int,
        deadline: float,
        acknowledged: asyncio.Future[None],
        trace: bytes | None = None,
    ) -> None:
        self.events = events
        self.received = received  # microseconds since the epoch
        self.size = size  # bytes, about
        self.deadline = deadline  # on the loop's clock
        self.acknowledged = acknowledged
        self.trace = trace  # the W3C trace context that it came with
        self.partitions = 0  # a bit for every partition that holds one of the events


def group(submissions: Sequence[Submission], partitions: int) -> list[Record]:
    """Put events that go to the same partition into shared records, in the order they came."""
    lines: list[list[bytes]] = [[] for _ in range(partitions)]
    sources: list[list[str]] = [[] for _ in range(partitions)]
    traces: list[Traces] = [[] for _ in range(partitions)]
    for submission in submissions:
        bits = 0
        trace = submission.trace
        for event in submission.events:
            partition = partition_of(event.source, partitions)
            bits |= 1 << partition
            if trace is not None:
                traces[partition].append((len(lines[partition]), trace))
            lines[partition].append(records.line(event, received=submission.received))
            sources[partition].append(event.source)
        submission.partitions = bits
    return [
        record
        for partition in range(partitions)
        if lines[partition]
        for record in _records(partition, lines[partition], sources[partition], traces[partition])
    ]


def _records(partition: int, lines: list[bytes], sources: list[str], traces: Traces) -> Iterator[Record]:
    start = size = 0
    for index, line in enumerate(lines):
        length = len(line) + 1
        if index > start and (index - start == records.MAX_EVENTS or size + length > records.MAX_BYTES):
            yield _record(partition, lines[start:index], sources[start:index], _between(traces, start, index))
            start, size = index, 0
        size += length
    yield _record(partition, lines[start:], sources[start:], _between(traces, start, len(lines)))


def _between(traces: Traces, start: int, stop: int) -> Iterable[bytes]:
    """The distinct traces of the lines from start to stop, in their order."""
    return dict.fromkeys(trace for index, trace in traces if start <= index < stop) if traces else ()


def _record(partition: int, lines: list[bytes], sources: list[str], traces: Iterable[bytes]) -> Record:
    one_source = sources.count(sources[0]) == len(sources)
    return Record(
        partition=partition,
        key=sources[0].encode() if one_source else None,
        value=b"\n".join(lines),
        headers=records.headers(count=len(lines), traces=traces),
    )


class Flush:
    """Records handed to the Kafka client together; tells the loop once, when the last of them is settled."""

    def __init__(
        self, submissions: list[Submission], *, loop: asyncio.AbstractEventLoop, landed: Callable[[Flush], None]
    ) -> None:
        self.submissions = submissions
        self.events = sum([len(submission.events) for submission in submissions])
        self.started = loop.time()
        self.failed = 0  # a bit for every partition of which a record was not acknowledged
        self._loop = loop
        self._landed = landed
        self._lock = threading.Lock()
        self._unsettled = 1  # sending itself

    def send(self, producer: Client, topic: str, partitions: int) -> None:
        """Hand over every record; `landed` is called later, on the loop, whatever becomes of them."""
        for record in group(self.submissions, partitions):
            with self._lock:
                self._unsettled += 1
            bit = 1 << record.partition
            try:
                future = send(producer, topic, record)
            except PublishFailed:
                self._settle(bit)
            else:
                future.add_callback(self._acknowledged).add_errback(partial(self._refused, bit))
        self._settle(0)

    def _acknowledged(self, _: object) -> None:
        self._settle(0)

    def _refused(self, bit: int, _: object) -> None:
        self._settle(bit)

    def _settle(self, failed: int) -> None:
        # On the client's thread, or on the loop's when Kafka was faster than send().
        with self._lock:
            self.failed |= failed
            self._unsettled -= 1
            last = self._unsettled == 0
        if last:
            self._loop.call_soon_threadsafe(self._landed, self)
