"""Runs the pipeline: gathers and prepares the next batch while the stores work on the one before."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from datetime import UTC, datetime

from ingestion.kafka import record_headers
from processing import metrics
from processing.consumer import batch_runner, steps
from processing.consumer.gathering import Gathering, is_full
from processing.consumer.measuring import batch_metrics, batch_spans, waiting
from processing.consumer.measuring.partition_lags import PartitionLags
from processing.consumer.measuring.step_clock import StepClock
from processing.consumer.partition_starts import PartitionStarts
from processing.consumer.probes.liveness import State, Watchdog
from processing.consumer.progress_check import ProgressCheck
from processing.consumer.retry import ConsumerStopping, Retrier
from processing.consumer.store_executor import StoreExecutor
from processing.consumer.unread_offsets import UnreadOffsets
from processing.consumer.work import Stores, Topic, Work
from processing.errors import NeedsOperator, StoreUnavailable
from processing.events.batch import Batch, Record
from processing.kafka.consumer import Consumer
from processing.live_feed import LivePublisher
from processing.models import ConsumerMember
from processing.partitions import failing_sources
from processing.stores.mongodb.recently_stored import RecentlyStored

logger = logging.getLogger(__name__)

POLL = 0.5  # seconds; also how soon a signal is seen
JOIN_POLL = 0.05  # seconds, while new in the group: a poll does not return when partitions are assigned
EXPECTED_EVENTS_PER_RECORD = 100.0  # before the first record was read: as many as a receiver groups under load
BUSY_EVENTS = 500  # in one batch, from which on the client fetches in larger rounds
PATIENCE = 1.0  # seconds that the stores may take before fetching pauses
STOP_WITHIN = 20.0  # seconds to finish the current batch after a signal
STALL_CHECK = 10.0  # seconds within which a partition with records has to return some
CLOSE_WITHIN = 2.0  # seconds to close the stores' connections


class Loop:
    """One consumer process."""

    def __init__(self, *, stopping: threading.Event, end: Callable[[int], None] = lambda _code: None) -> None:
        """Prepare; connect to nothing yet.

        :param end: ends the process if the loop hangs
        """
        self.state = State()
        self._stopping = stopping
        self._member = f"{socket.gethostname()}-{os.getpid()}"
        self._stores = Stores()
        self._thread = StoreExecutor()
        self._live = LivePublisher(self._member)
        self._watchdog = Watchdog(self.state, stopping, beat=self._beat, end=end)
        self._consumer: Consumer | None = None
        self._settling: tuple[Work, Future[None]] | None = None
        self._starts = PartitionStarts(self._stores, self._thread, self._retry)
        self._unread = UnreadOffsets(self._stores, self._thread, self._retry, self._wait_for)
        self._progress = ProgressCheck(self._stores, self._thread)
        self._beating: Future[None] | None = None
        self._last_beat = 0.0
        self._since = datetime.now(tz=UTC)
        # Polled and not yet with the stores. A failure on the way leaves them here: what comes next moves progress past them.
        self._held: list[Record] = []
        self._events_per_record = EXPECTED_EVENTS_PER_RECORD
        self._busy = False
        self._gathering = Gathering()
        self._next_check = time.monotonic() + STALL_CHECK
        self._lags = PartitionLags()
        self._stop_by: float | None = None

    @property
    def recent(self) -> RecentlyStored:
        """A sample of what this process has stored."""
        return self._stores.recent

    def run(self) -> None:
        """Consume until `stopping` is set; then finish the current batch, or abandon it whole."""
        self._live.start()
        self._watchdog.start()
        try:
            while not self._stopping.is_set():
                self._run_step(self.step)
            self._finish()
        except ConsumerStopping:
            logger.warning("stopped while a store was unavailable; the current batch is redelivered")
            self._leave_all()
        finally:
            self._close()

    def step(self) -> bool:
        """Gather one batch and hand it to the stores; True if there was any."""
        self.state.turn()
        consumer = self._open()
        consumer.commit_done(idle=not self._held and self._settling is None)
        self._find_starts(consumer)
        if self._held:
            # One record goes after the other, and little is fetched while enough waits.
            consumer.excuse()
        gathered = self._gather(consumer)
        self._show(consumer)
        if self._leave_if_stalled(consumer):
            return False
        self._pass_over(consumer)
        self._check_progress(consumer)
        if not self._held:
            if consumer.is_broken:
                self._replace(consumer)
            elif self._settling and self._settling[1].done():
                self._settled(consumer)
            return False
        taken = self._stores.crashes.take(self._held)
        records = self._held[:taken]
        work = self._work(consumer, records)
        if not self._alone(work):
            self._prepare(work)
        on_hold = self._settled(consumer)
        del self._held[:taken]
        if on_hold:
            # Polled past the place where they are to go on.
            self._held = [record for record in self._held if record.partition not in on_hold]
            work = self._work(consumer, [record for record in records if record.partition not in on_hold])
        work.clock.add("gather", gathered)
        self._settling = (work, self._thread.submit(lambda: self._settle(work)))
        return True

    def _alone(self, work: Work) -> bool:
        """True while single-stepping: do not prepare the next batch concurrently."""
        return work.alone or (self._settling is not None and self._settling[0].alone)

    def _prepare(self, work: Work) -> None:
        try:
            steps.prepare(self._stores, work)
        except Exception as error:  # noqa: BLE001 - settle meets it again, and has the patience for it
            logger.warning("batch not prepared", extra={"reason": type(error).__name__})

    def _open(self) -> Consumer:
        if self._consumer is None:
            self._consumer = Consumer()
            logger.info("consuming", extra={"topic": self._consumer.topic, "member": self._member})
        if not self.state.kafka:
            waiting.show_kafka(is_away=False)
        self.state.kafka = True
        return self._consumer

    def _work(self, consumer: Consumer, records: list[Record]) -> Work:
        crashes = self._stores.crashes
        return Work(
            batch=Batch(records=_once(records), asides=crashes.asides(records)),
            topic=Topic(kafka_id=consumer.topic_id, name=consumer.topic),
            alone=crashes.is_single_step(records),
            clock=StepClock(batch_spans.begin(records)),
        )

    def _find_starts(self, consumer: Consumer) -> None:
        if self._held:
            # Records polled before, also of the topic before it was recreated, are processed first.
            return
        if self._starts.step(consumer):
            self._since = datetime.now(tz=UTC)
            self._last_beat = 0.0
        self._lags.place(self._starts.take_placed())
        self.state.held = self._starts.held

    def _gather(self, consumer: Consumer) -> float:
        """Poll until what is held makes a full batch, or has waited long enough; return the seconds from the first record on."""
        records = self._held
        events, size = sum(map(_event_count, records)), sum(map(_size, records))
        wait = 0.01 if records or self._settling or self._starts.asked else JOIN_POLL if consumer.is_joining else POLL
        began = time.monotonic()
        closes = began + wait
        most = self._stores.budget.batch_events()
        while not is_full(events, size, most=most) and not self._stopping.is_set() and not consumer.is_broken:
            left = closes - time.monotonic()
            if left <= 0:
                break
            room = most - events
            polled = consumer.poll(wait=left, limit=max(1, int(room / self._events_per_record)))
            if polled and not records:
                began = time.monotonic()
                closes = began + self._gathering.seconds
            records += polled
            events += sum(map(_event_count, polled))
            size += sum(map(_size, polled))
            if polled:
                self._events_per_record = max(1.0, events / len(records))
        busy = events >= BUSY_EVENTS
        if busy != self._busy:
            self._busy = busy
            consumer.hurry(busy)
        return time.monotonic() - began

    def _leave_if_stalled(self, consumer: Consumer) -> bool:
        """Close a client that returns no records from partitions which have some; the next step creates another."""
        if time.monotonic() < self._next_check:
            return False
        self._next_check = time.monotonic() + STALL_CHECK
        stalled = consumer.stalled()
        if stalled:
            logger.error("partitions have records but return none; rejoining the group", extra={"partitions": stalled})
            self._drop_client()
        return bool(stalled)

    def _pass_over(self, consumer: Consumer) -> None:
        """Move progress past offsets that hold nothing to read, of partitions whose records all have their effects."""
        self._unread.pass_over(consumer, busy=self._busy_partitions)

    def _check_progress(self, consumer: Consumer) -> None:
        """Place partitions anew whose effects PostgreSQL has lost."""
        lost = self._progress.step(consumer, busy=self._busy_partitions)
        if lost:
            # Polled past the place where they are to go on.
            self._held = [record for record in self._held if record.partition not in lost]
            consumer.await_start(lost)

    def _busy_partitions(self) -> set[int]:
        """Return the partitions with records on their way to the stores."""
        busy = {record.partition for record in self._held}
        if self._settling:
            batch = self._settling[0].batch
            busy |= {record.partition for record in (*batch.records, *batch.redelivered)}
        return busy

    def _replace(self, consumer: Consumer) -> None:
        """Replace a client that an error left unusable; hold the partitions whose next batch can't be read for good."""
        self._settled(consumer)
        self._consumer = None
        try:
            if not self._unread.hold(consumer):
                # It may have passed, and may come again.
                self._stopping.wait(1.0)
        finally:
            consumer.close()

    def _settle(self, work: Work) -> None:
        began = time.monotonic()
        batch_runner.run_batch(self._stores, work, stopping=self._stopping, waiting=self._note_waiting)
        seconds = time.monotonic() - began
        self._gathering.settled(seconds)
        metrics.BATCH_SECONDS.observe(seconds)

    def _settled(self, consumer: Consumer) -> set[int]:
        """Wait for the previous batch; note its offsets and announce it. Polls meanwhile, to keep the membership.

        :return: partitions that it left at a hold, of which nothing later may go to the stores
        """
        if self._settling is None:
            return set()
        work, settling = self._settling
        if not self._await(consumer, settling):
            raise ConsumerStopping
        self._settling = None
        settling.result()
        for step in FINISH:
            step(self, work)
        consumer.await_start(work.held)
        return work.held

    def _await(self, consumer: Consumer, settling: Future[None]) -> bool:
        """Wait, polling with everything paused once it takes long; False if the process is to end first."""
        patience = PATIENCE
        while True:
            try:
                settling.exception(timeout=patience)
            except FutureTimeoutError:
                self.state.turn()
                if self._overdue():
                    return False
                consumer.pause()
                self._held += consumer.poll(wait=0, limit=1)
                self._show(consumer)
                patience = 0.2
            else:
                consumer.resume()
                return True

    def _wait_for(self, future: Future[None]) -> None:
        """Wait for the stores without polling.

        :raises ConsumerStopping: the process is to end first
        """
        while True:
            try:
                future.exception(timeout=POLL)
            except FutureTimeoutError:
                self.state.turn()
                if self._overdue():
                    raise ConsumerStopping from None
            else:
                return

    def _overdue(self) -> bool:
        """Return whether the time to finish after a signal is over."""
        if not self._stopping.is_set():
            return False
        if self._stop_by is None:
            self._stop_by = time.monotonic() + STOP_WITHIN
        return time.monotonic() > self._stop_by

    def _note_waiting(self, reason: str | None) -> None:
        self.state.waiting = reason
        waiting.show(reason)
        self._beat_if_due()

    def _show(self, consumer: Consumer) -> None:
        gone = set(self.state.partitions) - {*consumer.partitions, *consumer.awaiting_start}
        if gone:
            self._leave(gone)
            self._since = datetime.now(tz=UTC)
            self._last_beat = 0.0
        self.state.partitions = consumer.partitions
        self.state.held = [number for number in self.state.held if number in consumer.awaiting_start]
        metrics.HELD.set(len(self.state.held))
        self._lags.show(consumer.started_topic, consumer.known_ends, read=self.state.partitions, held=self.state.held)

    def _beat(self) -> None:
        """Beat when it is due and the stores' thread is free."""
        if self._beating is None or self._beating.done():
            self._beating = self._thread.submit(self._beat_if_due)

    def _leave(self, partitions: set[int]) -> None:
        """Record that partitions left while the process works."""
        if partitions:
            self._thread.submit(lambda: self._stores.crashes.leave(partitions))

    def _leave_all(self) -> None:
        if self._consumer is not None:
            self._leave({*self._consumer.partitions, *self._consumer.awaiting_start})

    def _beat_if_due(self) -> None:
        """Record this member's heartbeat; runs on the store thread."""
        now = time.monotonic()
        if now - self._last_beat < ConsumerMember.HEARTBEAT_SECONDS:
            return
        self._last_beat = now
        state = "waiting" if self.state.waits_for() else "running"
        try:
            self._stores.rows.heartbeat(self._member, self.state.partitions, self._since, state, held=self.state.held)
            with self._stores.rows.cursor() as cursor:
                failing_sources.close_ended(cursor)
        except (StoreUnavailable, NeedsOperator) as error:
            logger.debug("no heartbeat", extra={"reason": str(error)})

    def _retry(self, act: Callable[[], None]) -> None:
        stores = self._stores
        Retrier(self._stopping, self._note_waiting, stores.rows.forget, stores.alarm).run(act)

    def _run_step(self, step: Callable[[], bool]) -> None:
        try:
            step()
        except StoreUnavailable as error:
            self._wait_for_kafka(str(error))
        except NeedsOperator as error:
            failure = error
            self._thread.submit(lambda: self._stores.alarm.open(failure))
            self._wait_for_kafka(str(error))
        except ConsumerStopping:
            raise
        except Exception as error:
            logger.exception("unexpected failure")
            bug = NeedsOperator(f"bug: {type(error).__name__}; the log has more")
            self._thread.submit(lambda: self._stores.alarm.open(bug))
            self._start_anew()

    def _start_anew(self) -> None:
        """Give up what was polled and the client: the next one starts where the stores are."""
        if self._settling is not None:
            self._wait_for(self._settling[1])
            self._settling = None
        self._drop_client()
        self._stopping.wait(1.0)

    def _drop_client(self) -> None:
        """Close the client and forget what it returned: the next one starts there again."""
        self._held.clear()
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _wait_for_kafka(self, reason: str) -> None:
        self.state.kafka = False
        waiting.show_kafka(is_away=True)
        logger.warning("waiting for Kafka", extra={"reason": reason})
        self._stopping.wait(1.0)

    def _finish(self) -> None:
        if self._consumer is not None:
            self._settled(self._consumer)
            self._leave_all()
            self._thread.submit(lambda: self._stores.rows.remove_member(self._member))

    def _close(self) -> None:
        self._live.stop()
        if self._consumer is not None:
            self._consumer.close()
        self._watchdog.stop()
        with suppress(FutureTimeoutError):  # a frozen store can't hold the exit
            self._thread.submit(self._stores.close).exception(timeout=CLOSE_WITHIN)
        logger.info("stopped", extra={"member": self._member})

    # --- the steps after the stores, on the loop's own thread ---

    def note_offsets(self, work: Work) -> None:
        """Note the batch's offsets, which are committed to Kafka once a second."""
        assert self._consumer is not None
        everything = Batch(records=[*work.batch.redelivered, *work.batch.records])
        # Offsets of a topic that was recreated meanwhile mean nothing in the new one.
        if work.topic.kafka_id == self._consumer.started_topic:
            self._consumer.note_done(everything.offsets())
        self._lags.done(everything.records, everything.offsets())

    def announce(self, work: Work) -> None:
        """Update the live feed and the metrics; best effort."""
        batch = work.batch
        self._live.announce(batch, work.attempt.gains, work.attempt.spans[1] if work.attempt.spans else {})
        batch_metrics.observe(batch, work.attempt.gains, work.clock)


FINISH: list[Callable[[Loop, Work], None]] = [Loop.note_offsets, Loop.announce]


def _once(records: list[Record]) -> list[Record]:
    """Leave out what was polled again: a partition that went and came back starts where Kafka's offsets say."""
    return list({record.position: record for record in records}.values())


def _size(record: Record) -> int:
    return len(record.value or b"")


def _event_count(record: Record) -> int:
    try:
        return record_headers.event_count(record.headers) or 1
    except Exception:  # noqa: BLE001 - only an estimate; what is wrong with the record is found by the steps
        return 1
