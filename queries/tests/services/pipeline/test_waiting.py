"""What waits in Kafka is counted by the headers of the records, or told as a range."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any, NoReturn
from uuid import UUID

import pytest
from django.core.cache import cache
from kafka.admin import KafkaAdminClient

from deploy.testing.deployment import Deployment
from processing.errors import NeedsOperator
from processing.ledger import header_reader
from processing.models import DeadLetter, Hold, Progress, SourceStatistics, Topic
from processing.tests import factories
from queries.tests.stored import account, get

pytestmark = pytest.mark.services
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Events in one record, 2,900 together; those read before had one each.
SIZES = random.Random(2).sample([1, 15, 15, 27] * 50, k=200)


@pytest.fixture
def held(site: Deployment) -> Deployment:
    """Partition 3 is held at offset 2, and 200 records wait in it."""
    factories.put_sizes(site.raw_topic, [1, 1, *SIZES], partition=3)
    admin = KafkaAdminClient(bootstrap_servers=site.servers.kafka.address)
    kafka_id = UUID(str(admin.describe_topics([site.raw_topic])[0]["topic_id"]))
    admin.close()
    topic = Topic.objects.create(kafka_id=kafka_id, name=site.raw_topic)
    Progress.objects.create(
        topic=topic, partition=3, next_offset=2, records=2, events=2, record_time=NOW, updated_at=NOW
    )
    Hold.objects.create(topic=topic, partition=3, since=NOW, reason="a test")
    account("sensor-1", read=2, stored=1, dead_lettered=1)
    return site


def pipeline() -> dict[str, Any]:
    cache.clear()
    line: dict[str, Any] = get("/api/pipeline/")
    return line


def counted(site: Deployment) -> dict[str, Any]:
    """Wait until the headers are read, which goes on between the pages that ask."""
    site.wait_for(lambda: pipeline()["ledger"]["inFlight"] is not None, 10)
    return pipeline()


def test_what_waits_is_counted_by_its_headers_and_not_by_records_of_the_past(
    held: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = counted(held)
    # What is counted is kept: nothing is read again.
    monkeypatch.setattr(header_reader.HeaderReader, "_records", None)
    again = pipeline()

    assert (line["ledger"]["inFlight"], line["ledger"]["accepted"]) == (2900, 2902)
    [waiting] = [each for each in line["lag"] if each["partition"] == 3]
    assert (waiting["records"], waiting["events"]) == (200, 2900)
    assert waiting["eventsRange"] == {"atLeast": 2900, "atMost": 2900}
    assert again["ledger"] == line["ledger"]


def test_records_that_come_and_go_change_the_count(held: Deployment) -> None:
    counted(held)
    factories.put_sizes(held.raw_topic, [8], partition=3)
    factories.put_sizes(held.raw_topic, [5], partition=1)
    held.wait_for(lambda: pipeline()["ledger"]["inFlight"] == 2913, 10)

    Progress.objects.update(next_offset=4)

    assert counted(held)["ledger"]["inFlight"] == 2913 - sum(SIZES[:2])
    Progress.objects.update(next_offset=2)
    assert counted(held)["ledger"]["inFlight"] == 2913


def test_more_records_than_are_counted_are_told_as_a_range_that_holds_the_truth(
    held: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header_reader, "MAX_COUNTED", 100)
    held.wait_for(lambda: pipeline()["ledger"]["inFlightRange"]["atMost"] is not None, 10)
    line = pipeline()

    assert (line["ledger"]["accepted"], line["ledger"]["inFlight"], line["inFlightEstimated"]) == (None, None, True)
    bounds = line["ledger"]["inFlightRange"]
    assert 1000 < bounds["atLeast"] < 2900 < bounds["atMost"] < 6000


def test_records_that_cannot_be_read_are_one_event_each_at_least(
    held: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise NeedsOperator("Kafka: CorruptRecordError")

    monkeypatch.setattr(header_reader.HeaderReader, "_records", refuse)
    line = pipeline()

    assert line["ledger"]["inFlight"] is None
    assert line["ledger"]["inFlightRange"] == {"atLeast": 200, "atMost": None}


def test_dead_letters_are_a_state_only_while_they_are_open(held: Deployment) -> None:
    for number, state in enumerate(("open", "parked", "parked", "sent", "stored", "discarded")):
        DeadLetter.objects.create(
            topic=Topic.objects.get(), partition=0, offset=number, line=0, raw=b"", reason="not_json", detail="",
            stage="decode", received=NOW, first_seen=NOW, last_seen=NOW, fingerprint="0" * 32, state=state,
        )  # fmt: skip

    line = pipeline()

    assert line["deadLetters"] == {"open": {"atLeast": 1, "atMost": 1}, "parked": {"atLeast": 2, "atMost": 2}}
    assert line["ledger"]["deadLettered"] == SourceStatistics.objects.get().dead_lettered
