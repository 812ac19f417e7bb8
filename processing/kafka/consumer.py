"""Reads raw-data as a member of the consumer group."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from uuid import UUID

from django.conf import settings
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError, LogTruncationError, NoOffsetForPartitionError, OffsetOutOfRangeError
from kafka.structs import OffsetAndMetadata

from ingestion.events import timestamps
from ingestion.kafka import client_internals
from ingestion.kafka.connection_options import BROKER_TIMEOUT, connection_options
from processing.errors import NeedsOperator, StoreUnavailable, kafka_errors
from processing.events.batch import Record
from processing.events.positions import PartitionId, ReadUpTo
from processing.kafka.consumed_record import record_of
from processing.kafka.end_offsets import TopicOffsets
from processing.kafka.unreadable import is_about_content

logger = logging.getLogger(__name__)

SESSION_TIMEOUT = 10.0  # seconds until a killed consumer's partitions go to another
REQUEST_TIMEOUT = 5.0  # seconds that a call for offsets may take
# What was stored since the last commit is published to processed-data again after a kill, and after a partition has moved.
COMMIT_EVERY = 1.0  # seconds
COMMIT_AGAIN = 5.0  # seconds after one that failed
JOIN_WITHIN = 5.0  # seconds; who has no partitions by then waits for others to leave
# When idle, the broker answers a fetch as soon as there is any record; under load, when there is enough for a round.
_IDLE_FETCH = {"fetch_min_bytes": 1, "fetch_max_wait_ms": 500}
_BUSY_FETCH = {"fetch_min_bytes": 65_536, "fetch_max_wait_ms": 50}


class Consumer:
    """The membership of this process in the group that reads raw-data. For one thread."""

    def __init__(self) -> None:
        self.topic = settings.KAFKA_TOPIC_RAW_DATA
        self._started: set[int] = set()
        self._paused = False
        # The position of each partition that was behind its end at the previous check of `stalled`.
        self._behind: dict[int, int] = {}
        self._awaiting_start: set[int] = set()
        self._started_topic: UUID | None = None
        self.known_ends: dict[PartitionId, int] = {}  # last end offsets seen
        self._next: dict[int, int] = {}  # partition -> the offset after the last record that was returned
        self._done: dict[int, int] = {}  # next offsets that are not committed yet
        self._least: dict[int, int] = {}  # what may be committed at least, of partitions since they were placed
        self._next_commit = 0.0  # time.monotonic()
        self._is_refused = False  # the last commit
        self.is_broken = False  # see `poll`
        self._joins_until = time.monotonic() + JOIN_WITHIN
        with kafka_errors():
            self._client = KafkaConsumer(
                **connection_options(),
                client_id="dataflow-consumer",
                group_id=settings.DATAFLOW_CONSUMER_GROUP,
                enable_auto_commit=False,
                # An unknown offset is an error, never a jump to one end of the topic.
                auto_offset_reset="none",
                isolation_level="read_committed",
                session_timeout_ms=int(SESSION_TIMEOUT * 1000),
                request_timeout_ms=int(BROKER_TIMEOUT * 1000),
                heartbeat_interval_ms=3_000,
                max_poll_interval_ms=300_000,
                partition_assignment_strategy=[CooperativeStickyAssignor],
                bootstrap_timeout_ms=2_000,
                reconnect_backoff_max_ms=500,
                fetch_max_bytes=8 * 1024 * 1024,
                allow_auto_create_topics=False,
                # Upper bound on how long a recreated topic goes unnoticed: fetches use its name, not its id.
                metadata_max_age_ms=30_000,
                metrics_enabled=False,
                **_IDLE_FETCH,
            )
        self._assigned_anew: set[int] = set()
        self._client.subscribe([self.topic], listener=_PauseAssigned(self._client, self._assigned_anew))

    @property
    def partitions(self) -> list[int]:
        """The partitions that this member reads."""
        return sorted(self._started)

    @property
    def topic_id(self) -> UUID:
        """Kafka's id of the topic that the records come from; known once there are any."""
        assert self._started_topic is not None
        return self._started_topic

    @property
    def started_topic(self) -> UUID | None:
        """The same; None before there are any."""
        return self._started_topic

    def poll(self, *, wait: float, limit: int) -> list[Record]:
        """Wait up to `wait` seconds for records, at most `limit`; must be called every few seconds, also while paused.

        Records of partitions that are not placed yet are not returned; they are polled again later.

        After an error that is not known to pass, the client may never return from another poll: it is broken, nothing is
        returned any more, and a new one is needed. What was returned before stays valid, and may be committed.

        :raises StoreUnavailable: Kafka does not answer
        :raises NeedsOperator: Kafka refuses
        """
        if self.is_broken:
            return []
        try:
            with kafka_errors():
                polled = self._poll(wait=wait, limit=limit)
        except StoreUnavailable:
            raise
        except Exception as error:
            self.is_broken = True
            if isinstance(error, NeedsOperator) and not is_about_content(error.__cause__):
                raise
            reason = type(error.__cause__ or error).__name__
            logger.warning("records can't be read; the client is replaced", extra={"reason": reason})
            return []
        self._follow_assignment()
        self._follow_topic()
        for at in polled:
            if at.partition in self._started:
                self._note_end(at.partition, self._client.highwater(at))
            else:
                # It was revoked and assigned again within one poll, which ends a pause.
                with _unless_gone():
                    self._client.pause(at)
        now = timestamps.now()
        return [
            record_of(at.partition, record, now=now, begins=self._read_on(at.partition, record.offset))
            for at, records in polled.items()
            if at.partition in self._started
            for record in records
        ]

    def reached(self) -> dict[int, int]:
        """Return the offset after the last returned record of each partition, and after what was passed since."""
        return {number: self._next[number] for number in self._started}

    def positions(self) -> dict[int, int]:
        """Return the offset that each partition is read from next. Does not wait for Kafka."""
        found = {
            number: client_internals.position(self._client, TopicPartition(self.topic, number))
            for number in self._started
        }
        return {number: offset for number, offset in found.items() if offset is not None}

    def passed(self) -> dict[int, tuple[int, int]]:
        """Return the offsets after the last returned record of which there is nothing to return.

        Such are the ends of transactions, and the records of aborted ones.

        :return: partition -> the first of them, and the offset after the last
        """
        return {
            number: (self._next[number], offset)
            for number, offset in self.positions().items()
            if self._next.get(number, offset) < offset
        }

    def note_passed(self, passed: Mapping[int, tuple[int, int]]) -> None:
        """Continue after what `passed` returned: it is recorded in PostgreSQL."""
        noted = {number: end for number, (first, end) in passed.items() if self._next.get(number) == first}
        self._next |= noted
        self.note_done(noted)

    @property
    def is_joining(self) -> bool:
        """Whether it is new in the group, and its first partitions may come at any moment."""
        return not self._started and not self._awaiting_start and time.monotonic() < self._joins_until

    @property
    def awaiting_start(self) -> list[int]:
        """The partitions that wait for `place`."""
        return sorted(self._awaiting_start)

    def start_at(self, ends: TopicOffsets, starts: Mapping[int, ReadUpTo]) -> None:
        """Start unplaced partitions at PostgreSQL's offset, or at the one committed in Kafka if that is lower.

        The records between the two have their effects but may be missing in processed-data. Partitions without a start
        stay unplaced; all do if the topic was recreated meanwhile.

        :param starts: progress by partition, from PostgreSQL
        :raises StoreUnavailable: Kafka does not answer; place them again
        """
        if self._current_topic() != ends.topic:
            # One of the two ids is outdated.
            client_internals.request_topic_update(self._client)
            return
        self._started_topic = ends.topic
        uncommitted: dict[int, int] = {}
        for partition in starts.keys() & self._awaiting_start:
            at = TopicPartition(self.topic, partition)
            committed = self._committed(at)
            earliest, end = ends.partitions[partition]
            progress, epoch = starts[partition]
            start = progress if committed is None else max(earliest, min(committed, progress))
            self._note_end(partition, end)
            with _unless_gone():
                client_internals.seek(self._client, at, start, epoch if start == progress else -1)
                self._next[partition] = max(start, progress)
                self._client.resume(at)
                self._started.add(partition)
                logger.info("reading", extra={"partition": partition, "offset": start})
            if committed is None:
                uncommitted[partition] = start
            self._done.pop(partition, None)
            self._least[partition] = start
            self._awaiting_start.discard(partition)
        # After a kill this offset tells where republishing to processed-data must start.
        self.note_done(uncommitted)
        self.commit_now()

    def await_start(self, partitions: Collection[int]) -> None:
        """Return no more records of partitions until they are placed again."""
        # Committed offsets tell where to start.
        if not self._done.keys().isdisjoint(partitions):
            self.commit_now()
        for partition in self._started & set(partitions):
            with _unless_gone():
                self._client.pause(TopicPartition(self.topic, partition))
            self._started.discard(partition)
            self._done.pop(partition, None)
            self._awaiting_start.add(partition)

    def hurry(self, busy: bool) -> None:
        """Fetch in larger rounds while busy."""
        client_internals.set_fetch_options(self._client, _BUSY_FETCH if busy else _IDLE_FETCH)

    def pause(self) -> None:
        """Poll without fetching, which keeps the membership in the group, until `resume`."""
        self._paused = True
        self.excuse()
        for at in self._client.assignment():
            with _unless_gone():
                self._client.pause(at)

    def resume(self) -> None:
        """Fetch again, from all placed partitions."""
        if not self._paused:
            return
        for at in self._client.assignment():
            if at.partition in self._started:
                with _unless_gone():
                    self._client.resume(at)
        self._paused = False

    def stalled(self) -> list[int]:
        """Return partitions that were behind their end at the previous call and made no progress; call every 10 s or so.

        The client has been seen to stop fetching a partition after a rebalance, until the next one:
        https://github.com/dpkp/kafka-python/issues/3131
        """
        fetched = [at for at in self._client.assignment() if at.partition in self._started]
        try:
            ends = self._client.end_offsets(fetched, timeout_ms=int(REQUEST_TIMEOUT * 1000))
            positions = {at: self._client.position(at, timeout_ms=int(REQUEST_TIMEOUT * 1000)) for at in fetched}
        except LogTruncationError as error:
            self._place_truncated(error)
            return []
        except (KafkaError, ValueError, AssertionError) as error:
            # Kafka is unavailable, or the partitions were revoked meanwhile; the next poll reports it.
            logger.debug("progress not checked", extra={"reason": type(error).__name__})
            return []
        behind = {at.partition: position for at, position in positions.items() if (position or 0) < ends[at]}
        stalled = behind.items() & self._behind.items()
        self._behind = behind
        for at, end in ends.items():
            self._note_end(at.partition, end)
        return sorted(partition for partition, _ in stalled)

    def excuse(self) -> None:
        """Discard the previous check: nothing had to be fetched since."""
        self._behind = {}

    def note_done(self, offsets: Mapping[int, int]) -> None:
        """Note next offsets of partitions for `commit_done`.

        An offset below where a partition was placed, or below what was noted since, is left out: it is that of a batch from
        before the partition went to another member and came back, and Kafka knows of more.
        """
        done = {number: offset for number, offset in offsets.items() if offset >= self._least.get(number, offset)}
        self._least |= done
        self._done |= done

    def commit_done(self, *, idle: bool = False) -> None:
        """Commit what was noted, unless the last time is not COMMIT_EVERY ago, or at once while idle; call it often.

        What Kafka does not take, as while members come and go, it is told again.
        """
        if time.monotonic() >= self._next_commit or (idle and not self._is_refused):
            self.commit_now()

    def commit_now(self) -> None:
        """Commit what was noted."""
        if self._done:
            self._is_refused = not self._commit(self._done)
            self._next_commit = time.monotonic() + (COMMIT_AGAIN if self._is_refused else COMMIT_EVERY)
            if not self._is_refused:
                self._done = {}

    def _commit(self, offsets: Mapping[int, int]) -> bool:
        """Commit next offsets. A failure is only logged: progress in PostgreSQL keeps redeliveries without effect."""
        try:
            self._client.commit(
                {
                    TopicPartition(self.topic, partition): OffsetAndMetadata(offset, "", -1)
                    for partition, offset in offsets.items()
                    if partition in self._started
                },
                timeout_ms=int(REQUEST_TIMEOUT * 1000),
            )
        except KafkaError as error:
            logger.warning("offsets not committed", extra={"reason": type(error).__name__})
            return False
        return True

    def close(self) -> None:
        """Commit what was noted, and leave the group."""
        self.commit_now()
        try:
            self._client.close(autocommit=False, timeout_ms=2_000)
        except KafkaError as error:
            logger.warning("group not left cleanly", extra={"reason": type(error).__name__})

    def _poll(self, *, wait: float, limit: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        try:
            client_internals.before_poll(self._client)
            polled: dict[TopicPartition, list[ConsumerRecord]] = self._client.poll(
                timeout_ms=int(wait * 1000), max_records=limit
            )
        except NoOffsetForPartitionError as error:
            # Nothing is committed yet. This includes a partition that was revoked and assigned again within one poll,
            # which looks unchanged.
            self._started -= {at.partition for at in error.args[0]}
            return {}
        except OffsetOutOfRangeError as error:
            # The missing records are noted in the ledger when the partitions are placed.
            self.await_start({at.partition for at in error.args[0]})
            return {}
        except LogTruncationError as error:
            self._place_truncated(error)
            return {}
        return polled

    def _place_truncated(self, error: LogTruncationError) -> None:
        """Place partitions anew of which Kafka has lost records that were read; PostgreSQL knows which leader wrote them."""
        lost = {at.partition for at in error.divergent_offsets}
        logger.error("Kafka has lost records that were read", extra={"partitions": sorted(lost)})
        self.await_start(lost)

    def _follow_assignment(self) -> None:
        anew, assigned = self._assigned_anew.copy(), {at.partition for at in self._client.assignment()}
        self._assigned_anew -= anew
        self._started -= anew
        if assigned == self._started | self._awaiting_start:
            return
        for partition in assigned - self._started - self._awaiting_start:
            with _unless_gone():
                self._client.pause(TopicPartition(self.topic, partition))
        self._started &= assigned
        self._awaiting_start = assigned - self._started
        logger.info("partitions assigned", extra={"partitions": sorted(assigned)})

    def _read_on(self, partition: int, offset: int) -> int:
        """Note that a record is returned; return the offset that was to be read next before it."""
        # What is read again after a restart begins below.
        begins = min(self._next.get(partition, offset), offset)
        self._next[partition] = offset + 1
        return begins

    def _committed(self, at: TopicPartition) -> int | None:
        with kafka_errors():
            committed = self._client.committed(at, timeout_ms=int(REQUEST_TIMEOUT * 1000))
        return None if committed is None else int(committed)

    def _follow_topic(self) -> None:
        """Unplace everything once the topic was recreated: offsets of the old topic mean nothing in the new one."""
        current = self._current_topic()
        if current in (None, self._started_topic) or not self._started:
            return
        logger.error("the topic was deleted and recreated", extra={"topic": self.topic})
        self._done = {}
        self.await_start(set(self._started))

    def _current_topic(self) -> UUID | None:
        """Return Kafka's id of the topic as far as the client knows; None: there is none."""
        return client_internals.topic_id(self._client, self.topic)

    def _note_end(self, partition: int, end: int | None) -> None:
        if end is not None and self._started_topic is not None:
            self.known_ends[PartitionId(self._started_topic, partition)] = end


class _PauseAssigned(ConsumerRebalanceListener):  # type: ignore[misc]
    """Pauses partitions as they are assigned: none is read before it is known where it starts, or that it is held.

    Called on the client's own thread. A partition that goes and comes back within one poll is assigned anew, too.
    """

    def __init__(self, client: KafkaConsumer, assigned_anew: set[int]) -> None:
        self._client = client
        self._assigned_anew = assigned_anew

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Do nothing: the next poll notices."""

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        for at in assigned:
            self._assigned_anew.add(at.partition)
            with _unless_gone():
                self._client.pause(at)


def _unless_gone() -> suppress:
    """Ignore errors about a revoked partition: the client rebalances in a thread, and the next poll reports it."""
    return suppress(KeyError, ValueError)
