"""Records straight to the leaders of their partitions, on a real broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from uuid import UUID

import pytest
from kafka.admin import KafkaAdminClient

from deploy.testing.deployment import Deployment
from ingestion import metrics
from ingestion.events.model import Event
from ingestion.kafka.connection_options import connection_options
from ingestion.kafka.direct.leaders import PATIENCE, Leaders
from ingestion.kafka.flush import Flush
from ingestion.kafka.producer import BATCH_BYTES, Client, close_producer, open_producer, partition_count
from ingestion.kafka.producer_record import ProducerRecord
from ingestion.kafka.submission import Submission
from ingestion.tests.topic import kept

pytestmark = pytest.mark.services

Sent = tuple[list[ProducerRecord], Collection[int]]  # returned for the client, and partitions that did not acknowledge


def record(number: int, value: bytes = b"") -> ProducerRecord:
    return ProducerRecord(number % 6, b"key", value or b'{"n":%d}' % number, [("v", b"%d" % number)])


@pytest.fixture
def producer(site: Deployment) -> Iterator[Client]:
    opened = open_producer()
    partition_count(opened, site.raw_topic)
    yield opened
    close_producer(opened, timeout=5)


class Sender:
    """Sends and waits for all answers."""

    def __init__(self, producer: Client, topic: str) -> None:
        self.leaders = Leaders(topic)
        self._producer = producer

    async def send(self, records: Sequence[ProducerRecord]) -> Sent:
        answers: asyncio.Queue[tuple[int, Collection[int]]] = asyncio.Queue()
        rest = self.leaders.send(self._producer, records, lambda got, failed: answers.put_nowait((len(got), failed)))
        left, failed = len(records) - len(rest), set[int]()
        while left:
            count, more = await asyncio.wait_for(answers.get(), 5)
            left, failed = left - count, failed | set(more)
        return rest, failed

    async def open(self) -> None:
        """Send until there is a connection."""
        await self.send_until([record(0)], lambda sent: not sent[0])

    async def send_until(self, records: Sequence[ProducerRecord], is_right: Callable[[Sent], object]) -> Sent:
        """Send records again and again, for ten seconds at most."""
        for _ in range(200):
            sent = await self.send(records)
            if is_right(sent):
                return sent
            await asyncio.sleep(0.05)
        raise TimeoutError


def run(producer: Client, topic: str, use: Callable[[Sender], Awaitable[Sent]]) -> Sent:
    async def opened() -> Sent:
        sender = Sender(producer, topic)
        try:
            return await use(sender)
        finally:
            sender.leaders.close()

    return asyncio.run(opened())


def test_the_first_records_are_left_to_the_client_and_later_ones_arrive(site: Deployment, producer: Client) -> None:
    async def use(sender: Sender) -> Sent:
        first = [record(number) for number in range(6)]
        assert await sender.send(first) == (first, set())
        await sender.open()
        return await sender.send([record(number) for number in range(1, 13)])

    assert run(producer, site.raw_topic, use) == ([], set())

    stored = [one for one in kept(site.raw_topic) if one.lines[0]["n"]]
    assert sorted(one.lines[0]["n"] for one in stored) == list(range(1, 13))
    for one in stored:
        number = one.lines[0]["n"]
        assert (one.partition, one.key, one.headers) == (number % 6, b"key", {"v": b"%d" % number})
    for partition in range(6):
        numbers = [one.lines[0]["n"] for one in stored if one.partition == partition]
        assert numbers == sorted(numbers)


def test_what_is_larger_than_a_batch_is_left_to_the_client(site: Deployment, producer: Client) -> None:
    large = [record(3, b"x" * (BATCH_BYTES // 2 + 1))] * 2

    async def use(sender: Sender) -> Sent:
        await sender.open()
        return await sender.send(large)

    assert run(producer, site.raw_topic, use) == (large, set())


def test_what_a_broker_refuses_is_reported_by_partition(site: Deployment, producer: Client) -> None:
    async def use(sender: Sender) -> Sent:
        await sender.open()
        admin = KafkaAdminClient(**connection_options())
        admin.delete_topics([site.raw_topic])
        admin.close()
        return await sender.send_until([record(1), record(2)], lambda sent: sent[1])

    assert run(producer, site.raw_topic, use) == ([], {1, 2})


def test_a_connection_that_is_lost_is_reported_and_opened_again(site: Deployment, producer: Client) -> None:
    async def use(sender: Sender) -> Sent:
        await sender.open()
        sending = asyncio.ensure_future(sender.send([record(1), record(2)]))
        await asyncio.sleep(0)
        for connection in sender.leaders._connections.values():
            connection.abort()
        lost = await sending
        await sender.open()
        return lost

    assert run(producer, site.raw_topic, use) == ([], {1, 2})


def test_a_leader_that_does_not_answer_in_time_is_left_to_the_client(site: Deployment, producer: Client) -> None:
    async def use(sender: Sender) -> Sent:
        await sender.open()
        site.servers.kafka.freeze()
        try:
            return await sender.send([record(1), record(2)])
        finally:
            site.servers.kafka.thaw()

    began = time.monotonic()

    assert run(producer, site.raw_topic, use) == ([], {1, 2})
    assert time.monotonic() - began > PATIENCE


def test_a_connection_whose_user_has_to_log_in_again_is_replaced_and_loses_nothing(
    site: Deployment, producer: Client
) -> None:
    async def use(sender: Sender) -> Sent:
        await sender.open()
        [(leader, former)] = sender.leaders._connections.items()
        former.retire_at = 0.0
        for number in range(1, 50):
            assert await sender.send([record(number)]) == ([], set())
            await asyncio.sleep(0.01)
        assert sender.leaders._connections[leader] is not former
        assert former.is_lost
        return await sender.send([record(50)])

    assert run(producer, site.raw_topic, use) == ([], set())
    assert sorted(one.lines[0]["n"] for one in kept(site.raw_topic) if one.lines[0]["n"]) == list(range(1, 51))


def test_a_flush_whose_connection_is_lost_is_sent_again_by_the_client(site: Deployment, producer: Client) -> None:
    async def flushed() -> Flush:
        leaders = Leaders(site.raw_topic)
        sender = Sender(producer, site.raw_topic)
        sender.leaders = leaders
        await sender.open()
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        events = [Event(str(UUID(int=number)), "a", 1, b"{}") for number in range(3)]
        submission = Submission(events=events, received=1, size=1, deadline=9e9, acknowledged=loop.create_future())
        flush = Flush(
            [submission], producer=producer, topic=site.raw_topic, loop=loop, on_complete=lambda _: done.set()
        )
        flush.send(6, leaders)
        for connection in leaders._connections.values():
            connection.abort()
        await asyncio.wait_for(done.wait(), 5)
        leaders.close()
        return flush

    before = metrics.sent["client"]._value.get()
    flush = asyncio.run(flushed())

    assert (flush.failed, flush.errors) == (0, [])
    assert metrics.sent["client"]._value.get() == before + 1
    assert {one["id"] for record_ in kept(site.raw_topic) for one in record_.lines if "id" in one} == {
        str(UUID(int=number)) for number in range(3)
    }
