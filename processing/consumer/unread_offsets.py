"""Offsets from which nothing is read: those that hold no record are passed over, an unreadable batch holds its partition."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future

from processing.consumer import steps
from processing.consumer.partition_starts import Retry
from processing.consumer.store_executor import StoreExecutor
from processing.consumer.work import Stores, Topic
from processing.kafka import unreadable
from processing.kafka.consumer import Consumer


class UnreadOffsets:
    """Moves progress and holds partitions on the store thread.

    :param retry: repeats an act until the stores answer
    :param wait_for: waits for an act on the store thread without polling
    """

    def __init__(
        self,
        stores: Stores,
        thread: StoreExecutor,
        retry: Retry,
        wait_for: Callable[[Future[None]], None],
    ) -> None:
        self._stores = stores
        self._thread = thread
        self._retry = retry
        self._wait_for = wait_for
        self._passing: tuple[Mapping[int, tuple[int, int]], Future[None]] | None = None

    def pass_over(self, consumer: Consumer, *, busy: Callable[[], Collection[int]]) -> None:
        """Move progress past offsets that hold nothing to read; call it often.

        :param busy: returns the partitions with records on their way to the stores, behind which progress still is
        """
        if self._passing is not None:
            passed, passing = self._passing
            if not passing.done():
                return
            self._passing = None
            if passing.exception() is None:
                consumer.note_passed(passed)
        passed = consumer.passed()
        # Most turns pass nothing, and need not look at each record.
        for number in passed.keys() & set(busy() if passed else ()):
            del passed[number]
        if passed:
            topic = Topic(kafka_id=consumer.topic_id, name=consumer.topic)
            self._passing = (passed, self._thread.submit(lambda: steps.pass_over(self._stores, topic, passed)))

    def hold(self, consumer: Consumer) -> bool:
        """Hold the partitions whose next batch a client made anew can't read either; return whether there are any.

        :raises StoreUnavailable: Kafka does not answer
        :raises ConsumerStopping: the process is to end first
        """
        found = unreadable.find(consumer.positions())
        if not found:
            return False
        topic, passed = Topic(kafka_id=consumer.topic_id, name=consumer.topic), consumer.passed()
        skipped: dict[int, int] = {}

        def hold() -> None:
            skipped.update(steps.hold_unreadable(self._stores, topic, passed, found))

        holding = self._thread.submit(lambda: self._retry(hold))
        self._wait_for(holding)
        holding.result()
        # Else the next client would start before them again.
        consumer.note_done(skipped)
        consumer.commit_now()
        return True
