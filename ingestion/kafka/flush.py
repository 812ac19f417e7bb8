"""One flush: publishes the events of many requests together, and reports which partitions failed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial

from ingestion.events.model import Event
from ingestion.kafka import record_builder, record_format
from ingestion.kafka.partitioner import partition_of
from ingestion.kafka.producer import Client, PublishFailed, send
from ingestion.kafka.producer_record import ProducerRecord
from ingestion.kafka.record_builder import Traces


class Submission:
    """The events of one request, until Kafka has acknowledged them."""

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
        self.size = size  # bytes, estimated
        self.deadline = deadline  # on the loop's clock
        self.acknowledged = acknowledged
        self.trace = trace  # the W3C trace context of the request
        self.partitions = 0  # bit mask of the partitions that hold its events


def group(submissions: Sequence[Submission], partitions: int) -> list[ProducerRecord]:
    """Pack the events of all submissions into records, in the order they came; note each submission's partitions."""
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
            lines[partition].append(record_format.line(event, received=submission.received))
            sources[partition].append(event.source)
        submission.partitions = bits
    return [
        record
        for partition in range(partitions)
        if lines[partition]
        for record in record_builder.build(partition, lines[partition], sources[partition], traces[partition])
    ]


class Flush:
    """Records published together; calls back on the loop once, when Kafka has answered for the last of them."""

    def __init__(
        self, submissions: list[Submission], *, loop: asyncio.AbstractEventLoop, on_complete: Callable[[Flush], None]
    ) -> None:
        self.submissions = submissions
        self.events = sum([len(submission.events) for submission in submissions])
        self.started = loop.time()
        self.failed = 0  # bit mask of the partitions where a record was not acknowledged
        self._loop = loop
        self._on_complete = on_complete
        self._lock = threading.Lock()
        self._pending = 1  # send() itself

    def send(self, producer: Client, topic: str, partitions: int) -> None:
        """Send every record; `on_complete` is called later, on the loop, whether they were acknowledged or not."""
        for record in group(self.submissions, partitions):
            with self._lock:
                self._pending += 1
            bit = 1 << record.partition
            try:
                future = send(producer, topic, record)
            except PublishFailed:
                self._complete(bit)
            else:
                future.add_callback(self._acknowledged).add_errback(partial(self._rejected, bit))
        self._complete(0)

    def _acknowledged(self, _: object) -> None:
        self._complete(0)

    def _rejected(self, bit: int, _: object) -> None:
        self._complete(bit)

    def _complete(self, failed: int) -> None:
        # Runs on the client's thread, or on the loop's when Kafka answered before send() returned.
        with self._lock:
            self.failed |= failed
            self._pending -= 1
            last = self._pending == 0
        if last:
            self._loop.call_soon_threadsafe(self._on_complete, self)
