"""Kafka loses the end of its log: what was read keeps its effects, and what comes at the same offsets is stored."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from deploy.testing.deployment import Deployment
from ingestion.tests.client import event, post
from processing.models import Incident, LedgerGap
from processing.tests import expectations, truncated_log
from processing.tests.commands import run_json

pytestmark = pytest.mark.services

WAIT = 60  # seconds
SOURCE = "sensor-1"


def send(site: Deployment, url: str, numbers: Iterable[int]) -> None:
    """Send events in records of their own, each until it is acknowledged."""
    for number in numbers:
        content = event(SOURCE, payload={"n": number})
        site.wait_for(lambda content=content: post(url, content).status == 202, WAIT)  # type: ignore[misc]


def stored(site: Deployment) -> int:
    return len(expectations.rows(site))


def assert_whole(site: Deployment, *, events: int, partition: int, lost: tuple[int, int]) -> None:
    """All events are stored and counted once, the loss is a gap with an incident, and all agree without an operator."""
    numbers = expectations.query(site, "SELECT (payload->>'n')::int FROM events ORDER BY 1")
    assert numbers == [(number,) for number in range(events)]
    assert expectations.totals(site) == {SOURCE: (events, events, 0, 0)}
    report = run_json("reconcile")
    assert (report["ok"], report["kinds"]) == (True, {})
    assert list(LedgerGap.objects.values_list("partition", "first_offset", "next_offset", "cause")) == [
        (partition, *lost, "truncated")
    ]
    [detail] = Incident.objects.filter(kind=Incident.Kind.ROLLBACK).values_list("detail", flat=True)
    assert detail.startswith(f"records {lost[0]} to {lost[1] - 1} were lost by Kafka")
    assert not Incident.objects.exclude(kind=Incident.Kind.ROLLBACK).filter(until=None).exists()


@pytest.mark.parametrize(
    "restarted", [pytest.param(False, id="running"), pytest.param(True, id="restarted", marks=pytest.mark.faults)]
)
def test_what_is_acknowledged_after_kafka_lost_the_end_of_its_log_is_stored(site: Deployment, restarted: bool) -> None:
    receiver, consumer = site.start_ingest(), site.start_consumer()
    send(site, receiver.url, range(12))
    site.wait_for(lambda: stored(site) == 12, WAIT)
    [partition] = [number for number, end in site.raw_ends().items() if end]
    if restarted:
        assert consumer.stop() == 0

    truncated_log.cut(site, partition, batches=4)
    # As many as were lost, and some more: then the end tells nothing.
    send(site, receiver.url, range(12, 20))
    if restarted:
        site.start_consumer()
    site.wait_for(lambda: stored(site) == 20, WAIT)

    assert_whole(site, events=20, partition=partition, lost=(8, 12))


@pytest.mark.faults
def test_what_is_acknowledged_after_kafka_lost_a_disk_is_stored(site: Deployment) -> None:
    receiver, consumer = site.start_ingest(), site.start_consumer()
    send(site, receiver.url, range(6))
    site.wait_for(lambda: stored(site) == 6, WAIT)
    [partition] = [number for number, end in site.raw_ends().items() if end]
    assert consumer.stop() == 0

    truncated_log.lose(site, partition)
    send(site, receiver.url, range(6, 16))
    site.start_consumer()
    site.wait_for(lambda: stored(site) == 16, WAIT)

    assert_whole(site, events=16, partition=partition, lost=(0, 6))
