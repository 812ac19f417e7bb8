"""What the receiver and the consumer lean on in the Kafka client."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from deploy.testing.deployment import Deployment
from ingestion.kafka.producer import (
    CONNECT_TIMEOUT,
    DELIVERY_TIMEOUT,
    Client,
    PublishFailed,
    close_producer,
    open_producer,
    partition_count,
    round_trip,
    send,
    send_all,
)
from ingestion.kafka.producer_record import ProducerRecord
from ingestion.tests.topic import kept

# A client that found no broker leaves a pair of sockets to the garbage collector, which may come in a later test.
pytestmark = [
    pytest.mark.services,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


def record(number: int) -> ProducerRecord:
    return ProducerRecord(partition=number % 6, key=b"key", value=b'{"n":%d}' % number, headers=[("v", b"1")])


def senders() -> int:
    """How many threads of the client there are."""
    return sum("network-thread" in thread.name for thread in threading.enumerate())


@pytest.fixture
def producer(site: Deployment) -> Iterator[Client]:
    opened = open_producer()
    yield opened
    close_producer(opened, timeout=5)


def test_everything_sent_is_in_the_topic_with_key_and_headers(site: Deployment, producer: Client) -> None:
    send_all(producer, site.raw_topic, [record(number) for number in range(60)], timeout=5)

    stored = kept(site.raw_topic)
    assert sorted(one.lines[0]["n"] for one in stored) == list(range(60))
    assert {one.key for one in stored} == {b"key"}
    assert {one.headers["v"] for one in stored} == {b"1"}


@pytest.mark.faults
def test_a_producer_works_again_after_its_records_outlived_the_delivery_timeout(
    site: Deployment, producer: Client
) -> None:
    partition_count(producer, site.raw_topic)
    site.servers.kafka.freeze()
    try:
        futures = [send(producer, site.raw_topic, record(number)) for number in range(60)]
        with pytest.raises(PublishFailed):
            send_all(producer, site.raw_topic, [record(60)], timeout=DELIVERY_TIMEOUT + 2)
        site.wait_for(lambda: all(future.is_done for future in futures), 5)
    finally:
        site.servers.kafka.thaw()

    send_all(producer, site.raw_topic, [record(61)], timeout=5)

    assert 61 in {one.lines[0]["n"] for one in kept(site.raw_topic)}


def test_a_topic_that_does_not_exist_is_a_failure_not_a_new_topic(site: Deployment, producer: Client) -> None:
    with pytest.raises(PublishFailed):
        partition_count(producer, f"{site.raw_topic}-missing")
    with pytest.raises(PublishFailed):
        send_all(producer, site.raw_topic, [ProducerRecord(99, None, b"{}", [])], timeout=5)


@pytest.mark.alone
def test_a_frozen_broker_is_away_within_the_connect_timeout_and_leaves_no_thread(site: Deployment) -> None:
    before = senders()
    site.servers.kafka.freeze()
    try:
        began = time.monotonic()
        with pytest.raises(PublishFailed):
            open_producer()
        assert time.monotonic() - began < CONNECT_TIMEOUT + 1
    finally:
        site.servers.kafka.thaw()

    assert senders() == before


def test_a_round_trip_asks_the_broker_each_time(site: Deployment, producer: Client) -> None:
    assert 0 < round_trip(producer, timeout=2) < 2
    site.servers.kafka.freeze()
    try:
        with pytest.raises(PublishFailed):
            round_trip(producer, timeout=0.5)
    finally:
        site.servers.kafka.thaw()


@pytest.mark.alone
def test_closing_gives_up_what_a_frozen_broker_does_not_take(site: Deployment) -> None:
    producer = open_producer()
    partition_count(producer, site.raw_topic)
    before = senders()
    site.servers.kafka.freeze()
    try:
        send(producer, site.raw_topic, record(1))
        began = time.monotonic()
        close_producer(producer, timeout=0.5)
        assert time.monotonic() - began < 1.5
        site.wait_for(lambda: senders() < before, 5)
    finally:
        site.servers.kafka.thaw()
