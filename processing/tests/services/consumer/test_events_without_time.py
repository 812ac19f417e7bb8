"""Events whose sender gave no time: the first copy's time stands, and every later copy is a duplicate."""

from __future__ import annotations

import pytest

from deploy.testing.deployment import Deployment
from ingestion.events.model import Event as Accepted
from ingestion.kafka import producer, record_encoder
from ingestion.kafka.producer_record import ProducerRecord
from processing.models import DeadLetter, Event, RollupMinute, SourceStatistics
from processing.stores.mongodb import documents
from processing.tests import expectations, logic_revisions

pytestmark = pytest.mark.services

ID = "0190163d-8694-839b-aea5-966c26f8ad91"
MAY = 1_777_593_600_000_000  # 2026-05-01T00:00:00Z in microseconds
LATER = 40 * 24 * 3600 * 1_000_000  # microseconds; another month, so another table too


def copy(after: int, payload: bytes = b'{"level":1}', **changes: bool | bytes) -> Accepted:
    """The event as it came in some time after the first copy."""
    return Accepted(ID, "sensor-1", MAY + after, payload, **{"timed": False, **changes})  # type: ignore[arg-type]


def write(site: Deployment, *batches: list[Accepted]) -> None:
    """Put events into the topic as the receivers do, one record a batch."""
    client = producer.open_producer()
    try:
        found = [
            ProducerRecord(
                1, b"sensor-1", record_encoder.encode(batch, received=batch[0].ts), record_encoder.headers(count=1)
            )
            for batch in batches
        ]
        producer.send_all(client, site.raw_topic, found, timeout=10)
    finally:
        producer.close_producer(client, timeout=1)


def was_read(count: int) -> bool:
    return SourceStatistics.objects.filter(read=count).exists()


def test_a_copy_with_a_later_time_is_a_duplicate_whatever_batch_it_comes_in(site: Deployment) -> None:
    site.start_consumer()

    write(site, [copy(0), copy(1)])
    site.wait_for(lambda: was_read(2))
    write(site, [copy(LATER)])
    site.wait_for(lambda: was_read(3))
    # Among new events, which the quick way to the tables was taken for at first.
    write(site, [Accepted(ID[:-1] + "2", "sensor-1", MAY, b"{}"), copy(LATER + 1)])
    site.wait_for(lambda: was_read(5))

    totals = SourceStatistics.objects.get()
    assert (totals.stored, totals.duplicate, totals.dead_lettered) == (2, 3, 0)
    row = Event.objects.get(id=ID)
    assert row.ts.isoformat() == "2026-05-01T00:00:00+00:00"
    assert RollupMinute.objects.get(field="level").count == 1
    assert expectations.differences() == []


def test_other_content_under_the_same_id_is_a_conflict_all_the_same(site: Deployment) -> None:
    site.start_consumer()

    write(site, [copy(0)])
    site.wait_for(lambda: was_read(1))
    write(site, [copy(1, b'{"level":2}')], [copy(0, timed=True)])
    site.wait_for(lambda: was_read(3))

    assert [letter.reason for letter in DeadLetter.objects.all()] == ["id_conflict", "id_conflict"]
    assert sorted(b'"timed":false' in bytes(letter.raw) for letter in DeadLetter.objects.all()) == [False, True]
    assert expectations.differences() == []


def test_attributes_are_kept_in_the_document(site: Deployment) -> None:
    site.start_consumer()

    write(site, [copy(0, attributes=b'{"type":"com.example.reading","n":5}')])
    site.wait_for(lambda: was_read(1))

    document = documents.find_document(source="sensor-1", event_id=Event.objects.get().id)
    assert document is not None
    assert document["attributes"] == {"type": "com.example.reading", "n": 5}
    assert expectations.differences() == []


def test_an_event_that_gets_the_time_of_its_first_copy_is_judged_at_that_time(site: Deployment) -> None:
    logic_revisions.use(logic_revisions.rule("late", "tag late", when="hour(timestamp) >= 2"))
    site.start_consumer()
    write(site, [copy(0)])
    site.wait_for(lambda: was_read(1))
    # As an attempt leaves it that ends before its commit.
    Event.objects.all().delete()

    write(site, [copy(2 * 3600 * 1_000_000)])
    site.wait_for(lambda: was_read(2))

    row = Event.objects.get()
    assert (row.ts.isoformat(), row.tags) == ("2026-05-01T00:00:00+00:00", None)
