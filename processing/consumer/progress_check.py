"""Compares PostgreSQL's progress with what this consumer has committed, and with the records that Kafka still has."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import Future

from django.conf import settings

from processing.consumer import steps
from processing.consumer.store_executor import StoreExecutor
from processing.consumer.work import Stores, Topic
from processing.kafka.consumer import Consumer

RETRY = 2.0  # seconds, while a server does not answer or a partition is busy


class ProgressCheck:
    """Asks on the store thread after each reconnection to PostgreSQL, and every DATAFLOW_CHECK_SECONDS.

    Partitions with records on their way are compared with each batch anyway (processing.partitions.misplaced).
    """

    def __init__(self, stores: Stores, thread: StoreExecutor) -> None:
        self._stores = stores
        self._thread = thread
        self._asked: tuple[set[int], Future[set[int]]] | None = None
        self._left: set[int] = set()  # partitions that are to be compared
        self._connected = 0  # connections before the present round
        self._next_round = time.monotonic() + settings.DATAFLOW_CHECK_SECONDS
        self._next_try = 0.0  # time.monotonic()

    def step(self, consumer: Consumer, *, busy: Callable[[], Collection[int]]) -> set[int]:
        """Return the partitions whose effects are gone and that must be placed anew; call it often.

        :param busy: returns the partitions with records on their way to the stores: they are compared later
        """
        if self._asked is not None:
            return self._answer()
        now = time.monotonic()
        if now >= self._next_round or self._connected != self._stores.rows.connected:
            self._left, self._connected = set(consumer.partitions), self._stores.rows.connected
            self._next_round = now + settings.DATAFLOW_CHECK_SECONDS
        if self._left and now >= self._next_try:
            self._next_try = now + RETRY
            self._ask(consumer, set(busy()))
        return set()

    def _ask(self, consumer: Consumer, busy: set[int]) -> None:
        every = consumer.reached()
        self._left &= every.keys()
        reached = {number: every[number] for number in self._left - busy}
        if reached:
            topic = Topic(kafka_id=consumer.topic_id, name=consumer.topic)
            found = self._thread.submit(lambda: steps.find_lost_progress(self._stores, topic, reached))
            self._asked = set(reached), found

    def _answer(self) -> set[int]:
        assert self._asked is not None
        compared, found = self._asked
        if not found.done():
            return set()
        self._asked = None
        if found.exception() is not None:
            return set()
        self._left -= compared
        return found.result()
