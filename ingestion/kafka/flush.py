"""One flush: publishes the events of many requests together, and reports which partitions failed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ingestion import metrics
from ingestion.kafka import record_encoder
from ingestion.kafka.direct.leaders import Leaders
from ingestion.kafka.producer import Client, PublishFailed, is_refused_for_good, send
from ingestion.kafka.producer_record import ProducerRecord
from ingestion.kafka.submission import Submission

if TYPE_CHECKING:
    from ingestion.spans.tracer import OpenSpan, Tracer


class Flush:
    """Records published together; calls back on the loop once, when Kafka has answered for the last of them."""

    def __init__(
        self,
        submissions: list[Submission],
        *,
        producer: Client,
        topic: str,
        loop: asyncio.AbstractEventLoop,
        on_complete: Callable[[Flush], None],
    ) -> None:
        self.submissions = submissions
        self.events = sum([len(submission.events) for submission in submissions])
        self.started = loop.time()
        self.failed = 0  # bit mask of the partitions where a record was not acknowledged
        self.errors: list[BaseException] = []
        self.span: OpenSpan | None = None  # if one of its requests is traced
        self._producer = producer
        self._topic = topic
        self._loop = loop
        self._on_complete = on_complete
        self._lock = threading.Lock()
        self._pending = 1  # send() itself

    def send(self, partitions: int, leaders: Leaders) -> None:
        """Send every record; `on_complete` is called later, on the loop, whether they were acknowledged or not."""
        records = record_encoder.pack(self.submissions, partitions)
        self._pending += len(records)
        self._send_by_client(leaders.send(self._producer, records, self._answered))
        self._complete(0)

    def begin_span(self, tracer: Tracer) -> None:
        """Begin its span, if one of its requests is traced."""
        traced = [submission.span for submission in self.submissions if submission.span is not None]
        if traced:
            self.span = tracer.flush(traced, topic=self._topic, events=self.events)

    def _answered(self, sent: Sequence[ProducerRecord], failed: Collection[int]) -> None:
        """Take a leader's answer. The client sends again what has failed: it knows what each error means."""
        left = [record for record in sent if record.partition in failed]
        for _ in range(len(sent) - len(left)):
            self._complete(0)
        self._send_by_client(left)

    def _send_by_client(self, records: Sequence[ProducerRecord]) -> None:
        metrics.sent["client"].inc(len(records))
        for record in records:
            bit = 1 << record.partition
            try:
                future = send(self._producer, self._topic, record)
            except PublishFailed as error:
                self._rejected(bit, error.__cause__ or error)
            else:
                future.add_callback(self._acknowledged).add_errback(partial(self._rejected, bit))

    @property
    def reason(self) -> str:
        """The names of the errors by which records failed."""
        return ", ".join(sorted({type(error).__name__ for error in self.errors}))

    @property
    def refusal(self) -> str | None:
        """The name of an error by which Kafka refuses every record until an operator acts; None: it may pass."""
        return next((type(error).__name__ for error in self.errors if is_refused_for_good(error)), None)

    def _acknowledged(self, _: object) -> None:
        self._complete(0)

    def _rejected(self, bit: int, error: BaseException) -> None:
        with self._lock:
            self.errors.append(error)
        self._complete(bit)

    def _complete(self, failed: int) -> None:
        # Runs on the client's thread, or on the loop's when Kafka answered before send() returned.
        with self._lock:
            self.failed |= failed
            self._pending -= 1
            last = self._pending == 0
        if last:
            self._loop.call_soon_threadsafe(self._on_complete, self)
