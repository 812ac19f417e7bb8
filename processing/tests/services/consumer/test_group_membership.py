"""The membership in the consumer group, where the client alone would lose it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.testing.deployment import Deployment
from ingestion.kafka import client_internals
from processing.events.positions import ReadUpTo
from processing.kafka import consumer as consumers
from processing.kafka.consumer import Consumer
from processing.kafka.end_offsets import OffsetsReader
from processing.tests import factories, group

pytestmark = pytest.mark.services


def test_a_rejoin_that_outlasts_a_poll_is_finished_by_the_next_polls(site: Deployment) -> None:
    """The client rejoins when it sees other partitions than it joined with, and forgets why once it has assigned them."""
    consumer = Consumer()
    coordinator = consumer._client._coordinator
    try:
        assert poll(consumer, site, wait=0.5) == [0, 1, 2, 3, 4, 5]

        for _ in range(3):
            # As after partitions were added.
            coordinator._assignment_snapshot = {}
            assert not consumer.poll(wait=0.001, limit=1)
            site.wait_for(lambda: coordinator._join_task is not None and coordinator._join_task.is_done, 10)

            assert poll(consumer, site, wait=0.5) == [0, 1, 2, 3, 4, 5]
            assert coordinator.stable()
    finally:
        consumer.close()


def test_a_consumer_is_joining_until_it_has_partitions_or_others_have_them_all(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile its polls are short: none of them returns when the partitions are assigned."""
    consumer = Consumer()
    try:
        states = [consumer.is_joining]
        poll(consumer, site, wait=0.05)
        states.append(consumer.is_joining)
        assert states == [True, False]

        monkeypatch.setattr(consumers, "JOIN_WITHIN", 0.0)
        spare = Consumer()
        assert not spare.is_joining
        spare.close()
    finally:
        consumer.close()


@pytest.fixture(name="refused")
def _refused(site: Deployment, caplog: pytest.LogCaptureFixture) -> Iterator[Consumer]:
    """A consumer whose commit of one record Kafka has just refused."""
    factories.put(site.raw_topic, factories.line(1))
    consumer, reader = Consumer(), OffsetsReader([site.servers.kafka.address], site.raw_topic)
    try:
        poll(consumer, site, wait=0.5)
        ends = reader.ask()
        consumer.start_at(ends, {number: ReadUpTo(0, -1) for number in range(6)})
        consumer.note_done({number: end for number, (_, end) in ends.partitions.items()})
        # As after partitions were added: the member rejoins, and keeps what it has.
        consumer._client._coordinator._assignment_snapshot = {}
        consumer.poll(wait=0.001, limit=1)
        consumer.commit_now()
        assert "offsets not committed" in caplog.messages
        yield consumer
    finally:
        reader.close()
        consumer.close()


def test_offsets_that_kafka_did_not_take_are_committed_again(site: Deployment, refused: Consumer) -> None:
    """They also tell operators how far the group is behind, and nothing may follow that would be committed."""

    def is_committed() -> bool:
        refused.poll(wait=0.1, limit=1)
        refused.commit_done(idle=True)
        return sum(group.committed(site.name).values()) == 1

    site.wait_for(is_committed, 30)


def test_offsets_that_kafka_did_not_take_are_committed_by_a_consumer_that_stops(
    site: Deployment, refused: Consumer
) -> None:
    def is_member() -> bool:
        refused.poll(wait=0.1, limit=1)
        return bool(refused._client._coordinator.stable())

    site.wait_for(is_member, 4)

    refused.close()

    assert sum(group.committed(site.name).values()) == 1


def test_a_batch_from_before_a_partition_went_and_came_back_takes_no_committed_offset_back(site: Deployment) -> None:
    """As of a member that was frozen in the middle of a batch: the one after it has read on and committed more."""
    factories.put_all(site.raw_topic, [factories.line(1)] * 9)
    consumer, reader = Consumer(), OffsetsReader([site.servers.kafka.address], site.raw_topic)
    try:
        poll(consumer, site, wait=0.5)
        ends = reader.ask()
        end = ends.partitions[0][1]
        consumer.start_at(ends, {number: ReadUpTo(0, -1) for number in range(6)})
        consumer.note_done({0: end})
        site.wait_for(lambda: commits(consumer, site) == end)

        # What was noted last may be of the same batch, or of one before.
        consumer.await_start([0])
        consumer.note_done({0: end - 2})
        consumer.start_at(ends, {0: ReadUpTo(end, -1)})
        consumer.note_done({0: end - 3})
        consumer.commit_now()
        assert group.committed(site.name)[0] == end

        # PostgreSQL has lost what it had, as after a restore: there it goes back, and on from there.
        consumer.await_start([0])
        consumer.start_at(ends, {0: ReadUpTo(end - 4, -1)})
        consumer.note_done({0: end - 3})
        consumer.commit_now()
        assert group.committed(site.name)[0] == end - 3
    finally:
        reader.close()
        consumer.close()


def commits(consumer: Consumer, site: Deployment) -> int | None:
    """Let the consumer tell Kafka what is done, and return what Kafka knows of partition 0."""
    consumer.poll(wait=0.1, limit=1)
    consumer.commit_done(idle=True)
    return group.committed(site.name).get(0)


def poll(consumer: Consumer, site: Deployment, *, wait: float) -> list[int]:
    """Poll until the consumer is a member that rejoins nothing, and return its partitions."""

    def joined() -> list[int]:
        consumer.poll(wait=wait, limit=1)
        client_internals.request_topic_update(consumer._client)
        return consumer.awaiting_start if consumer._client._coordinator.stable() else []

    return site.wait_for(joined, 15)
