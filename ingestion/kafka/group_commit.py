"""Group commit: the events of all concurrent requests go to Kafka together, one flush at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextvars import Context
from typing import TYPE_CHECKING

from django.conf import settings

from ingestion import metrics
from ingestion.events.model import Event
from ingestion.kafka.direct.leaders import Leaders
from ingestion.kafka.flush import Flush
from ingestion.kafka.producer import Client, PublishFailed, close_producer, open_producer, partition_count, round_trip
from ingestion.kafka.submission import Submission
from ingestion.runtime.limits import receiver_limits
from ingestion.runtime.loop_singleton import LoopSingleton
from ingestion.spans import current

if TYPE_CHECKING:
    from ingestion.spans.tracer import OpenSpan

logger = logging.getLogger(__name__)

RECONNECT_PAUSE = 0.5  # seconds between two attempts to connect
# Seconds after a flush that Kafka refused for good, in which the process is not ready. Then requests may try again: only a
# flush shows whether it has passed, and balancers send none to a process that is not ready.
REFUSED_SECONDS = 30.0
SWEEP_PAUSE = 0.1  # seconds; a request is answered at most this long after its deadline
PROBE_TIMEOUT = 2.0  # seconds; of a readiness probe
CLOSE_TIMEOUT = 2.0  # seconds for the client to close, once nothing is in flight
# Seconds. Normally a flush takes some milliseconds. While one is older than this, Kafka counts as not answering, and new
# requests are refused at once.
STALLED = 2.0
EVENT_OVERHEAD = 300  # bytes of one event beside its payload, measured with sys.getsizeof
# The limits of one flush, so that building its records blocks the loop for a few milliseconds at most.
FLUSH_EVENTS = 10_000
FLUSH_BYTES = 4 * 1024 * 1024
# Seconds between the starts of two flushes under load, at most. Fewer and larger records cost a receiver less CPU, and Kafka
# and the consumer as well: with 0.016 instead of 0.008, arrays of 100 cost a receiver 12 % less and Kafka 30 % less.
INTERVAL = 0.016
# There is no pause after a flush of fewer requests and fewer events.
BUSY = 8
BUSY_EVENTS = 200
# Requests that are not made to wait for more: from there on a flush costs each of them little, and while Kafka takes it the
# next ones are read. With 256 senders that brings 7 % more than to wait for all of them.
ENOUGH = 64


class Overloaded(Exception):
    """The in-flight budget is used up. Nothing was accepted; the client may retry in a second."""


class BrokerUnavailable(Exception):
    """Kafka did not acknowledge in time; the events may still arrive. The client should retry: duplicates are dropped."""


class Pace:
    """When the next flush may start.

    Under load it waits for as many requests as the last one had, or ENOUGH: then every sender that was answered is back, and
    to wait for more would be in vain. So 32 senders share a flush as soon as all of them have sent, and 8 senders of large
    batches are not held back. Where others come instead, INTERVAL bounds the wait.
    """

    def __init__(self) -> None:
        self._not_before = 0.0  # on the loop's clock
        self._expected = 0  # requests

    def note(self, requests: int, events: int, *, started: float) -> None:
        """Note what a flush had."""
        if requests >= BUSY or events >= BUSY_EVENTS:
            self._not_before, self._expected = started + INTERVAL, requests

    def is_enough(self, waiting: int) -> bool:
        """Return whether so many requests are as many as the last flush under load had, or enough for any."""
        return waiting >= min(self._expected, ENOUGH)

    def pause(self, waiting: int, *, now: float) -> float:
        """Return the seconds until the next flush may start if no more requests come; 0: now."""
        return 0.0 if self.is_enough(waiting) else max(0.0, self._not_before - now)


class Publisher:
    """Publishes to one topic from one event loop. Not to be used after a fork."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self.loop = asyncio.get_running_loop()
        self._producer: Client | None = None
        self._leaders = Leaders(topic)
        self._partitions = 0  # 0: not known yet
        self._away = False  # the last attempt to connect failed
        self._failing = False  # the last flush failed
        self._refusal: tuple[str, float] | None = (
            None  # by which error Kafka refuses every record; the loop's time of it
        )
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: list[Submission] = []
        self._flush: Flush | None = None
        self._due: asyncio.Handle | None = None  # the next flush
        self._is_paused = False  # it waits for more requests
        self._pace = Pace()
        self._sweeping = False
        self._idle = asyncio.Event()
        self.events = 0  # in flight, as the bytes
        self.bytes = 0
        self.connect()

    def connect(self) -> None:
        """Connect to Kafka in the background, until it answers."""
        if self._connecting is None:
            self._partitions = 0
            self._connecting = self.loop.create_task(self._connect(), context=Context())

    def submit(
        self,
        events: Sequence[Event],
        *,
        received: int,
        deadline: float,
        trace: bytes | None = None,
        request_id: bytes | None = None,
        span: OpenSpan | None = None,
    ) -> asyncio.Future[None]:
        """Add events to the next flush; the future is done once Kafka has acknowledged all of them.

        It fails with BrokerUnavailable if they may or may not be in Kafka.

        :param received: microseconds since the epoch
        :param deadline: on the loop's clock
        :param trace: the W3C trace context that the events came with
        :param request_id: as the client chose it
        :param span: of the request, if it is traced
        :raises Overloaded: the in-flight budget is used up, nothing was accepted
        :raises BrokerUnavailable: Kafka does not answer, nothing was accepted
        """
        size = sum([len(event.payload) for event in events]) + EVENT_OVERHEAD * len(events)
        self._admit(len(events), size)
        acknowledged = self.loop.create_future()
        self._waiting.append(
            Submission(
                events=events,
                received=received,
                size=size,
                deadline=deadline,
                acknowledged=acknowledged,
                trace=trace,
                request_id=request_id,
                span=span,
            )
        )
        self._schedule_flush()
        if not self._sweeping:
            self._sweeping = True
            self.loop.call_later(SWEEP_PAUSE, self._sweep, context=Context())
        return acknowledged

    async def latency(self) -> float | None:
        """Return the seconds that Kafka takes to answer; None if it does not within PROBE_TIMEOUT, or refuses records.

        The one question behind all readiness probes of receivers.
        """
        if self._producer is None or not self._partitions or self.refusal:
            return None
        try:
            return await asyncio.to_thread(round_trip, self._producer, timeout=PROBE_TIMEOUT)
        except PublishFailed:
            return None

    @property
    def refusal(self) -> str | None:
        """The name of the error by which Kafka refused the last flush for good; None after REFUSED_SECONDS."""
        if self._refusal is None or self.loop.time() > self._refusal[1] + REFUSED_SECONDS:
            return None
        return self._refusal[0]

    async def close(self) -> None:
        """Wait for the events in flight, each request no longer than its deadline, then disconnect."""
        while self._waiting or self._flush:
            self._idle.clear()
            await self._idle.wait()
        if self._connecting is not None:
            self._connecting.cancel()
        self._leaders.close()
        if self._producer is not None:
            await asyncio.to_thread(close_producer, self._producer, timeout=CLOSE_TIMEOUT)

    def check_room(self, count: int, size: int) -> None:
        """Check that events fit into the in-flight budget.

        :raises Overloaded: they do not fit
        :raises BrokerUnavailable: Kafka does not answer
        """
        if self._away or self._is_stalled():
            raise BrokerUnavailable
        # A single request is always accepted: the limit of its body bounds it.
        if self.events and (
            self.events + count > receiver_limits().in_flight_events
            or self.bytes + size > receiver_limits().in_flight_bytes
        ):
            raise Overloaded

    def _is_stalled(self) -> bool:
        """Return whether Kafka seems not to answer. After a failed flush, one request is let through as a probe."""
        if self._failing:
            return self._flush is not None or bool(self._waiting) or not self._partitions
        return self._flush is not None and self.loop.time() > self._flush.started + STALLED

    def _admit(self, count: int, size: int) -> None:
        self.check_room(count, size)
        self.events += count
        self.bytes += size

    def _release(self, submission: Submission) -> None:
        self.events -= len(submission.events)
        self.bytes -= submission.size

    async def _connect(self) -> None:
        while not self._partitions:
            try:
                if self._producer is None:
                    self._producer = await asyncio.to_thread(open_producer)
                self._partitions = await asyncio.to_thread(partition_count, self._producer, self._topic)
            except PublishFailed as error:
                if not self._away:
                    logger.warning("Kafka does not answer, events are refused", extra={"reason": str(error)})
                self._away = True
                await asyncio.sleep(RECONNECT_PAUSE)
        if self._away:
            logger.info("Kafka answers again, events are accepted")
        self._away = False
        self._connecting = None
        self._schedule_flush()

    def _schedule_flush(self) -> None:
        if self._flush is not None or not self._partitions or not self._waiting:
            return
        waiting = len(self._waiting)
        if self._due is not None:
            if not self._is_paused or not self._pace.is_enough(waiting):
                return
            self._due.cancel()
        # In the loop's next iteration, so that requests read in the same iteration share a flush. What is done for all
        # requests has a context of its own, or its log lines would have the id of whichever request came first.
        pause = self._pace.pause(waiting, now=self.loop.time())
        self._is_paused = pause > 0
        if self._is_paused:
            self._due = self.loop.call_later(pause, self._start_flush, context=Context())
        else:
            self._due = self.loop.call_soon(self._start_flush, context=Context())

    def _start_flush(self) -> None:
        self._due = None
        if not self._waiting or not self._partitions:
            return
        assert self._producer is not None  # it knows the partitions
        self._flush = Flush(
            self._take(), producer=self._producer, topic=self._topic, loop=self.loop, on_complete=self._on_complete
        )
        metrics.FLUSH_EVENTS.observe(self._flush.events)
        if current.tracer is not None:
            self._flush.begin_span(current.tracer)
        self._flush.send(self._partitions, self._leaders)

    def _take(self) -> list[Submission]:
        """Remove and return the oldest submissions that fit into one flush; at least one."""
        events = size = 0
        for index, submission in enumerate(self._waiting):
            events += len(submission.events)
            size += submission.size
            if index and (events > FLUSH_EVENTS or size > FLUSH_BYTES):
                taken, self._waiting = self._waiting[:index], self._waiting[index:]
                return taken
        taken, self._waiting = self._waiting, []
        return taken

    def _on_complete(self, flush: Flush) -> None:
        self._flush = None
        metrics.FLUSH_SECONDS.observe(self.loop.time() - flush.started)
        if flush.span is not None:
            flush.span.end(flush.reason if flush.failed else "")
        self._pace.note(len(flush.submissions), flush.events, started=flush.started)
        for submission in flush.submissions:
            self._release(submission)
            if submission.acknowledged.done():
                continue
            if submission.partitions & flush.failed:
                submission.acknowledged.set_exception(BrokerUnavailable())
            else:
                submission.acknowledged.set_result(None)
        self._failing = bool(flush.failed)
        self._refusal = (flush.refusal, self.loop.time()) if flush.failed and flush.refusal else None
        if flush.failed:
            self._fail_waiting()
            metrics.FLUSHES_FAILED.inc()
            fields = {"events": flush.events, "reason": flush.reason}
            if flush.refusal:
                logger.error("Kafka refuses every record until an operator acts", extra=fields)
            else:
                logger.warning("Kafka did not acknowledge a flush", extra=fields)
            # send() would block the loop if the topic were gone, so a thread asks for its partitions first.
            self.connect()
        self._schedule_flush()
        self._idle.set()

    def _fail_waiting(self) -> None:
        """Fail the submissions that were not sent yet: they would fill the next flush, which may fail as well."""
        for submission in self._waiting:
            if not submission.acknowledged.done():
                submission.acknowledged.set_exception(BrokerUnavailable())
            self._release(submission)
        self._waiting = []

    def _sweep(self) -> None:
        """Fail the submissions whose deadline has passed, and drop those of them that were not sent yet."""
        now = self.loop.time()
        in_flush = self._flush.submissions if self._flush else []
        for submission in (*in_flush, *self._waiting):
            if submission.deadline <= now and not submission.acknowledged.done():
                submission.acknowledged.set_exception(BrokerUnavailable())
        for submission in self._waiting:
            if submission.acknowledged.done():
                self._release(submission)
        self._waiting = [submission for submission in self._waiting if not submission.acknowledged.done()]
        metrics.IN_FLIGHT_EVENTS.set(self.events)
        metrics.IN_FLIGHT_BYTES.set(self.bytes)
        self._sweeping = bool(self._waiting or self._flush)
        if self._sweeping:
            self.loop.call_later(SWEEP_PAUSE, self._sweep)
        self._idle.set()


publisher = LoopSingleton(lambda: Publisher(settings.KAFKA_TOPIC_RAW_DATA))
