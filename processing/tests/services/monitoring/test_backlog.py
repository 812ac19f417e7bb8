"""How far behind processing is, and that the receivers' guard acts on it."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.tests.client import call, event, numbered, post
from ingestion.tests.conftest import open_receiver
from processing.events.positions import PartitionId
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger.header_counts import uncounted
from processing.ledger.lag import PartitionLag
from processing.models import SourceStatistics
from processing.monitoring.backlog import Waits
from processing.tests import factories

TOPIC = UUID(int=1)


def look(waits: Waits, *, at: float, end: int, done: int, age: float | None = 0.0) -> float:
    """Look at one partition that ends at `end` and whose effects are committed up to `done`."""
    ends = TopicOffsets(TOPIC, "raw-data", {0: (0, end)}, latency=0.0, read_at=0.0)
    return waits.longest(ends, [PartitionLag(0, end - done, uncounted(end - done), age)], now=at)


def test_nothing_waits_where_everything_has_its_effects() -> None:
    waits = Waits()

    assert [look(waits, at=at, end=at, done=at, age=0.0) for at in range(3)] == [0.0, 0.0, 0.0]


def test_a_record_that_stays_waits_since_it_was_first_seen() -> None:
    waits = Waits()

    seen = [look(waits, at=at, end=10 + at, done=10, age=3600.0) for at in (1, 3, 5)]

    assert seen == [0.0, 2.0, 4.0]


def test_the_first_record_after_a_quiet_hour_is_not_an_hour_late() -> None:
    waits = Waits()
    look(waits, at=0, end=10, done=10)

    assert look(waits, at=3600, end=11, done=10, age=3600.0) == 0.0
    assert look(waits, at=3602, end=11, done=11) == 0.0


def test_a_backlog_that_moves_is_as_old_as_what_was_done_last() -> None:
    waits = Waits()
    look(waits, at=0, end=1000, done=0, age=500.0)

    assert look(waits, at=2, end=1000, done=100, age=490.0) == 490.0


def test_an_outage_of_a_day_is_told_to_a_hundredth_and_takes_little_memory() -> None:
    waits = Waits()
    for at in range(0, 86_400, 2):
        look(waits, at=at, end=at + 2, done=1)

    assert look(waits, at=86_400, end=86_402, done=1) == 86_400
    # Half of it is done at once.
    assert look(waits, at=86_402, end=86_402, done=43_200, age=0.0) == pytest.approx(43_200, rel=0.02)
    assert len(waits._ends[PartitionId(TOPIC, 0)]) < 1_000


def guard_of(receiver: ProductProcess) -> tuple[int, str]:
    ready = call(receiver.url, "GET", "/readyz")
    return ready.status, ready.json["guard"]["state"]


@pytest.mark.services
def test_the_receiver_is_closed_while_no_consumer_takes_events_and_opens_when_one_has_caught_up(
    site: Deployment,
) -> None:
    receiver = open_receiver(site, {"DATAFLOW_GUARD_LAG_SECONDS": "1"})
    assert guard_of(receiver) == (200, "open")
    assert post(receiver.url, numbered(100)).status == 202

    site.wait_for(lambda: guard_of(receiver) == (200, "closed"), 15)
    refused = call(receiver.url, "POST", "/ingest", b"not looked at", {"Content-Type": "application/json"})
    assert (refused.status, refused.code, refused.headers["retry-after"]) == (503, "pipeline_behind", "10")

    site.start_consumer()
    site.wait_for(lambda: post(receiver.url, event("after")).status == 202, 20)
    assert guard_of(receiver) == (200, "open")


@pytest.mark.services
def test_the_receiver_is_closed_while_too_much_becomes_dead_letters(site: Deployment) -> None:
    receiver = open_receiver(site, {"DATAFLOW_GUARD_DEAD_LETTER_PERCENT": "10"})
    site.start_consumer()
    site.wait_for(lambda: guard_of(receiver) == (200, "open"), 10)

    factories.put_all(site.raw_topic, [b"garbage"] * 200, partition=1)
    site.wait_for(lambda: SourceStatistics.objects.filter(dead_lettered=200).exists(), 20)

    site.wait_for(lambda: post(receiver.url, event("more")).status == 503, 15)


@pytest.mark.services
@pytest.mark.faults
def test_a_guard_that_can_not_look_leaves_the_receiver_open(site: Deployment) -> None:
    receiver = open_receiver(site, {"DATAFLOW_GUARD_LAG_SECONDS": "1"})
    site.servers.postgres.freeze()
    until = time.monotonic() + 6  # three looks, and lag enough for each
    try:
        while time.monotonic() < until:
            assert post(receiver.url, numbered(10)).status == 202
            assert guard_of(receiver) == (200, "open")
    finally:
        site.servers.postgres.thaw()
