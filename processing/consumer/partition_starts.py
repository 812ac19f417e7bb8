"""Starts newly assigned partitions where PostgreSQL and Kafka agree, except those that are held."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future

from processing.consumer import steps
from processing.consumer.store_executor import StoreExecutor
from processing.consumer.work import Stores
from processing.events.positions import PartitionId
from processing.kafka.consumer import Consumer
from processing.kafka.end_offsets import TopicOffsets
from processing.partitions.start_offsets import StartOffset

LOOK_AT_HOLDS = 2.0  # seconds between two looks whether a held partition was resumed

# By partition: the first offset without effects, and Kafka's end.
Placed = dict[int, tuple[int, int]]
Retry = Callable[[Callable[[], None]], None]


class PartitionStarts:
    """Looks up start offsets on the store thread, after the current batch.

    :param retry: repeats an act until the stores and Kafka answer
    """

    def __init__(self, stores: Stores, thread: StoreExecutor, retry: Retry) -> None:
        self.held: list[int] = []  # as they were found
        self._stores = stores
        self._thread = thread
        self._retry = retry
        self._asked: Future[tuple[TopicOffsets, dict[int, StartOffset]]] | None = None
        self._look_at_holds = 0.0  # time.monotonic()
        self._placed: Placed = {}

    @property
    def asked(self) -> bool:
        """Whether an answer is on its way."""
        return self._asked is not None

    def step(self, consumer: Consumer) -> bool:
        """Ask where to start what waits, or start it where the answer says; True if other partitions are read now."""
        self.held = [number for number in self.held if number in consumer.awaiting_start]
        if self._asked is None and self._may_ask(consumer):
            wanted, known_ends = consumer.awaiting_start, dict(consumer.known_ends)
            self._asked = self._thread.submit(lambda: self._starts(wanted, known_ends))
            return False
        if self._asked is None or not self._asked.done():
            return False
        (ends, starts), self._asked = self._asked.result(), None
        before = consumer.partitions
        self.held = [number for number in consumer.awaiting_start if number in starts and starts[number].hold.held]
        consumer.start_at(ends, {number: start.read_up_to for number, start in starts.items() if not start.hold.held})
        self._placed = {number: (start.next_offset, ends.partitions[number][1]) for number, start in starts.items()}
        self._look_at_holds = time.monotonic() + LOOK_AT_HOLDS
        return consumer.partitions != before

    def take_placed(self) -> Placed:
        """Return, once, where partitions that were looked up start and end; held ones are looked up again and again."""
        placed, self._placed = self._placed, {}
        return placed

    def _may_ask(self, consumer: Consumer) -> bool:
        """Return whether partitions wait that are not held, or that may have been resumed since the last look."""
        return bool(consumer.awaiting_start) and (
            consumer.awaiting_start != self.held or time.monotonic() >= self._look_at_holds
        )

    def _starts(
        self, partitions: list[int], known_ends: dict[PartitionId, int]
    ) -> tuple[TopicOffsets, dict[int, StartOffset]]:
        found: list[tuple[TopicOffsets, dict[int, StartOffset]]] = []
        self._retry(lambda: found.append(steps.find_starts(self._stores, partitions, known_ends)))
        return found[-1]
