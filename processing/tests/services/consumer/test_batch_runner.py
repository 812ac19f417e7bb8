"""What a batch leaves in the stores when records come again, fall together, or hold what no sum can."""

from __future__ import annotations

import threading

import pytest

from deploy.testing.deployment import Deployment
from ingestion.events import timestamps
from processing.consumer import batch_runner
from processing.consumer.work import Stores, Topic, Work
from processing.events.batch import WHOLE, Batch, Record, SkippedLine, SkippedLines
from processing.events.positions import RecordPosition
from processing.kafka.end_offsets import OffsetsReader
from processing.tests import expectations, factories
from processing.tests.consumer_thread import running_loop
from processing.tests.expectations import Expected
from processing.tests.factories import NOON, event_id, line
from processing.tests.reference_rollups import Sent

pytestmark = pytest.mark.services

DIED = SkippedLine("process", "it died of it")
WAIT = 30  # seconds


def put(site: Deployment, expected: Expected, *numbers: int) -> None:
    factories.put(site.raw_topic, *(line(number, b'{"n":%d}' % number) for number in numbers))
    expected.add(Sent("sensor-1", event_id(number), NOON, {"n": number}) for number in numbers)


def consume(site: Deployment) -> None:
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), WAIT)


def settle(
    site: Deployment, *records: Record, asides: dict[RecordPosition, SkippedLines] | None = None, alone: bool = False
) -> None:
    """Bring records through all steps, as one batch; fails where it would wait."""
    stores, stopping = Stores(), threading.Event()
    reader = OffsetsReader([site.servers.kafka.address], site.raw_topic)
    waited: list[str] = []

    def waiting(reason: str | None) -> None:
        if reason and not reason.startswith("crashes"):
            waited.append(reason)
            stopping.set()

    try:
        topic = Topic(kafka_id=reader.ask().topic, name=site.raw_topic)
        work = Work(Batch(list(records), asides=asides or {}), topic, alone=alone)
        batch_runner.run_batch(stores, work, stopping=stopping, waiting=waiting)
    finally:
        reader.close()
        stores.close()
    assert waited == []


def again(number: int) -> Record:
    """The record that `put` made of one event, the first of the topic."""
    return factories.record(line(number, b'{"n":%d}' % number), time=timestamps.now())


def test_an_event_that_is_stored_keeps_its_document_when_its_record_comes_again_and_is_suspected(
    site: Deployment,
) -> None:
    expected = Expected()
    put(site, expected, 1)
    consume(site)

    settle(site, again(1), asides={RecordPosition(0, 0): {WHOLE: DIED}})

    expectations.assert_exact(site, expected)


def test_a_rehearsal_passes_over_a_record_that_has_its_effects(site: Deployment) -> None:
    expected = Expected()
    put(site, expected, 1)
    consume(site)

    settle(site, again(1), alone=True)

    expectations.assert_exact(site, expected)


def test_copies_of_an_event_that_a_store_refuses_share_its_fate(site: Deployment) -> None:
    expected = Expected()
    refused = line(2, b'{"n":"\\u0000"}')
    put(site, expected, 1)
    factories.put(site.raw_topic, refused, line(1, b'{"n":2}'), refused, line(1, b'{"n":2}'))
    expected.letters += {("sensor-1", "refused_by_store"): 2, ("sensor-1", "id_conflict"): 2}

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), WAIT)

    expectations.assert_exact(site, expected)


def test_numbers_whose_sum_is_too_large_for_any_number_are_stored(site: Deployment) -> None:
    for number in range(3):
        factories.put(site.raw_topic, line(number, b'{"n":1.7e308}'))
        consume(site)

    assert expectations.totals(site) == {"sensor-1": (3, 3, 0, 0)}
    assert expectations.differences() == []
