"""An event posted at the receiver is found in both stores, rolled up and accounted for."""

from __future__ import annotations

import pytest
from django.db import connection

from deploy.testing.deployment import Deployment
from processing.models import DeadLetter, Event, LatestValue, RollupHour, RollupMinute, SourceStatistics
from processing.stores.mongodb import documents
from processing.tests.posting import post, readings

pytestmark = pytest.mark.services


def stored(count: int) -> bool:
    return Event.objects.count() == count


def test_a_posted_event_is_a_row_a_document_and_a_rollup(site: Deployment) -> None:
    ingest = site.start_ingest()
    site.start_consumer()

    answer = post(
        ingest.url, {"sourceId": "sensor-123", "timestamp": "2025-04-11T12:00:00Z", "payload": {"temperature": 23.5}}
    )
    site.wait_for(lambda: stored(1))

    event = Event.objects.get()
    assert str(event.id) == answer["eventId"]
    assert event.payload == {"temperature": 23.5}
    document = documents.find_document(source="sensor-123", event_id=event.id)
    assert document is not None
    assert document["payload"] == {"temperature": 23.5}
    assert document["hash"] == event.content_hash
    assert (document["partition"], document["offset"], document["line"]) == (event.partition, event.offset, event.line)
    minute = RollupMinute.objects.get()
    assert (minute.field, minute.count, minute.sum, minute.first, minute.last) == ("temperature", 1, 23.5, 23.5, 23.5)
    assert LatestValue.objects.get().value == 23.5


def test_what_is_sent_twice_is_stored_once_and_counted_as_duplicate(site: Deployment) -> None:
    ingest = site.start_ingest()
    site.start_consumer()

    post(ingest.url, readings("sensor-1", 100))
    site.wait_for(lambda: stored(100))
    post(ingest.url, readings("sensor-1", 150))
    site.wait_for(lambda: SourceStatistics.objects.filter(read=250).exists())

    totals = SourceStatistics.objects.get(source_id="sensor-1")
    assert (totals.stored, totals.duplicate, totals.dead_lettered) == (150, 100, 0)
    assert Event.objects.count() == 150
    assert RollupHour.objects.get(field="temperature").count == 150
    assert RollupHour.objects.get(field="inner.level").sum == sum(range(150))
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(read), sum(stored), sum(duplicate) FROM ledger_minute")
        assert cursor.fetchone() == (250, 150, 100)


def test_the_same_id_with_other_content_becomes_a_dead_letter(site: Deployment) -> None:
    ingest = site.start_ingest()
    site.start_consumer()
    one = {
        "sourceId": "sensor-1",
        "timestamp": "2026-03-01T12:00:00Z",
        "payload": {"a": 1},
        "eventId": "0190163d-8694-739b-aea5-966c26f8ad91",
    }

    post(ingest.url, one)
    site.wait_for(lambda: stored(1))
    post(ingest.url, {**one, "payload": {"a": 1.0}})
    post(ingest.url, {**one, "payload": {"a": 2}})
    post(ingest.url, {**one, "timestamp": "2026-04-01T12:00:00Z"})
    site.wait_for(lambda: SourceStatistics.objects.filter(read=4).exists())

    totals = SourceStatistics.objects.get()
    assert (totals.stored, totals.duplicate, totals.dead_lettered) == (1, 1, 2)
    assert {letter.reason for letter in DeadLetter.objects.all()} == {"id_conflict"}
    assert Event.objects.get().payload == {"a": 1}
