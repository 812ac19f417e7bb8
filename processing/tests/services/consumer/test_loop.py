"""The loop hands on every record that it polled, once, whatever happens on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from pytest_django import Settings

from deploy.testing.deployment import Deployment
from ingestion.kafka.record_headers import COUNT, VERSION
from processing.consumer import loop
from processing.consumer.loop import BUSY_EVENTS
from processing.errors import StoreUnavailable
from processing.events.batch import Batch, Record
from processing.kafka.consumer import Consumer
from processing.metrics import BATCH_EVENTS
from processing.stores.row_store import RowStore
from processing.tests import expectations, factories
from processing.tests.consumer_thread import running_loop

pytestmark = pytest.mark.services

Poll = Callable[..., list[Record]]


@pytest.mark.faults
def test_records_that_were_polled_before_kafka_failed_are_stored(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = Consumer.poll
    after_records = threading.Event()

    def failing_after_records(consumer: Consumer, *, wait: float, limit: int) -> list[Record]:
        if after_records.is_set():
            after_records.clear()
            raise StoreUnavailable("Kafka: made to fail")
        polled = poll(consumer, wait=wait, limit=min(limit, 2))
        if polled:
            after_records.set()
        return polled

    monkeypatch.setattr(Consumer, "poll", failing_after_records)
    put_records(site, 6)

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 40)

    assert expectations.totals(site) == {"sensor-1": (18, 18, 0, 0)}


def test_a_record_that_is_polled_twice_is_read_once(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    poll = Consumer.poll

    def repeating(consumer: Consumer, *, wait: float, limit: int) -> list[Record]:
        polled = poll(consumer, wait=wait, limit=limit)
        return polled + polled

    monkeypatch.setattr(Consumer, "poll", repeating)
    put_records(site, 6)

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)

    assert expectations.totals(site) == {"sensor-1": (18, 18, 0, 0)}


def test_a_partition_that_goes_and_comes_back_within_one_poll_is_read_on(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = Consumer.poll
    regain = threading.Event()

    def regaining(consumer: Consumer, *, wait: float, limit: int) -> list[Record]:
        if regain.is_set() and consumer.partitions and not consumer.awaiting_start:
            regain.clear()
            subscription, assigned = consumer._client._subscription, set(consumer._client.assignment())
            subscription.assign_from_subscribed([])
            subscription.assign_from_subscribed(assigned)
        return poll(consumer, wait=wait, limit=limit)

    monkeypatch.setattr(Consumer, "poll", regaining)
    put_records(site, 1)

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)
        regain.set()
        site.wait_for(lambda: not regain.is_set())
        put_records(site, 6)
        site.wait_for(lambda: expectations.caught_up(site), 30)

    assert expectations.totals(site) == {"sensor-1": (21, 18, 3, 0)}


@pytest.mark.faults
def test_fetching_goes_on_after_kafka_failed_while_a_store_was_slow(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll, prepare = Consumer.poll, RowStore.prepare
    slow = threading.Event()

    def failing_while_slow(consumer: Consumer, *, wait: float, limit: int) -> list[Record]:
        if slow.is_set() and consumer._paused:
            slow.clear()
            raise StoreUnavailable("Kafka: made to fail")
        return poll(consumer, wait=wait, limit=limit)

    def slowly(rows: RowStore, batch: Batch, topic: int) -> None:
        if slow.is_set():
            put_records(site, 1)  # what comes next waits, and lets the loop poll without fetching
            site.wait_for(lambda: not slow.is_set())
        prepare(rows, batch, topic)

    monkeypatch.setattr(Consumer, "poll", failing_while_slow)
    monkeypatch.setattr(RowStore, "prepare", slowly)
    slow.set()
    put_records(site, 1)

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)
        factories.put(site.raw_topic, factories.line(100))
        site.wait_for(lambda: expectations.caught_up(site), 30)


@pytest.mark.faults
def test_a_partition_that_the_client_forgets_to_fetch_is_read_after_joining_anew(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "STALL_CHECK", 1.0)
    put_records(site, 1)

    with running_loop() as running:
        site.wait_for(lambda: expectations.caught_up(site), 30)
        assert running._consumer is not None
        subscription = running._consumer._client._subscription
        # What the client does wrong by itself, seldom: the partition stays assigned and is never fetched.
        subscription.mark_pending_revocation(list(subscription.assignment))
        put_records(site, 2)
        site.wait_for(lambda: expectations.caught_up(site), 40)

    assert expectations.totals(site) == {"sensor-1": (9, 6, 3, 0)}


def test_headers_of_endless_digits_stop_nothing(site: Deployment) -> None:
    factories.put(site.raw_topic, factories.line(1), headers=[(VERSION, b"1"), (COUNT, b"9" * 5_000)])
    factories.put(site.raw_topic, factories.line(2), headers=[(VERSION, b"9" * 5_000), (COUNT, b"1")])
    factories.put(site.raw_topic, factories.line(3))

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)

    assert expectations.totals(site) == {"sensor-1": (3, 2, 0, 1)}
    assert expectations.letters(site) == {("sensor-1", "unknown_field"): 1}


def test_after_a_rush_the_consumer_fetches_calmly_again(site: Deployment) -> None:
    factories.put(site.raw_topic, *(factories.line(number) for number in range(BUSY_EVENTS)))

    with running_loop() as running:
        site.wait_for(lambda: expectations.caught_up(site), 30)
        assert running._consumer is not None
        waits = running._consumer._client._fetcher.config
        site.wait_for(lambda: waits["fetch_max_wait_ms"] == 500)


def test_the_first_batches_of_a_backlog_are_no_larger_than_all_others(site: Deployment, settings: Settings) -> None:
    settings.DATAFLOW_BATCH_EVENTS = 200
    for first in range(0, 3_600, 90):
        factories.put(site.raw_topic, *(factories.line(first + number) for number in range(90)))
    before = batches()

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)

    made = {bound: count - before[bound] for bound, count in batches().items()}
    assert made["500.0"] == made["+Inf"] > 0


def batches() -> dict[str, float]:
    """Return how many batches had at most so many events."""
    [family] = BATCH_EVENTS.collect()
    return {sample.labels["le"]: sample.value for sample in family.samples if sample.name.endswith("_bucket")}


def put_records(site: Deployment, count: int) -> None:
    """Three events in each record, all in one partition."""
    for number in range(count):
        factories.put(site.raw_topic, *(factories.line(number * 3 + member) for member in range(3)))
