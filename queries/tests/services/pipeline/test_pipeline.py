"""/api/pipeline/: the ledger's equation, the lag, consumers and stores."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.core.cache import cache
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.partitioner.default import murmur2

from deploy.testing.deployment import Deployment
from processing.kafka import end_offsets
from processing.ledger import lag, ledger
from processing.ledger.header_counts import NONE, Waiting, uncounted
from processing.ledger.ledger import PartitionProgress, Totals
from processing.models import ConsumerMember, Progress, Topic
from queries.reads import cache as reads_cache
from queries.tests.stored import account, get

services = pytest.mark.services
NOW = datetime(2026, 3, 1, tzinfo=UTC)
TOPIC = UUID(int=1)


def ends(*partitions: tuple[int, int]) -> end_offsets.TopicOffsets:
    return end_offsets.TopicOffsets(TOPIC, "raw-data", dict(enumerate(partitions)), 0.01, 0.0)


def progress(
    partition: int, *, next_offset: int, records: int, events: int
) -> dict[tuple[UUID, int], PartitionProgress]:
    done = PartitionProgress(TOPIC, partition, next_offset, records, events, NOW - timedelta(seconds=9))
    return {(TOPIC, partition): done}


def test_the_equation_adds_up_and_shows_what_is_missing() -> None:
    totals = Totals(read=10, stored=6, duplicate=1, dead_lettered=1, dropped=1)

    assert ledger.equation(totals, in_flight=Waiting(4, 4, exact=True)) == {
        "accepted": 14,
        "stored": 6,
        "duplicate": 1,
        "deadLettered": 1,
        "dropped": 1,
        "inFlight": 4,
        "inFlightRange": {"atLeast": 4, "atMost": 4},
        "unaccounted": 1,
    }


def test_what_is_in_flight_is_unknown_and_not_zero_while_kafka_is_away() -> None:
    equation = ledger.equation(Totals(read=1, stored=1), in_flight=None)

    assert (equation["accepted"], equation["inFlight"], equation["unaccounted"]) == (None, None, 0)


def test_lag_is_what_lies_beyond_the_progress() -> None:
    [behind] = lag.lags(ends((0, 50)), progress(0, next_offset=40, records=40, events=800), now=NOW)

    assert (behind.records, behind.events, behind.seconds) == (10, uncounted(10), 9.0)


def test_no_records_behind_is_no_lag_at_all() -> None:
    [done] = lag.lags(ends((0, 50)), progress(0, next_offset=50, records=50, events=80), now=NOW)

    assert (done.records, done.events, done.seconds) == (0, NONE, 0.0)


def test_a_partition_without_progress_starts_at_its_earliest_record() -> None:
    [first] = lag.lags(ends((30, 50)), {}, now=NOW)

    assert (first.records, first.events, first.seconds) == (20, uncounted(20), None)


def test_records_that_retention_removed_are_no_lag() -> None:
    [left] = lag.lags(ends((45, 50)), progress(0, next_offset=40, records=40, events=40), now=NOW)

    assert left.records == 5


def test_progress_of_a_topic_that_was_recreated_does_not_count() -> None:
    old = {(UUID(int=2), 0): next(iter(progress(0, next_offset=50, records=50, events=50).values()))}

    [recreated] = lag.lags(ends((0, 3)), old, now=NOW)

    assert recreated.records == 3


@pytest.fixture
def producer(site: Deployment) -> Iterator[KafkaProducer]:
    client = KafkaProducer(bootstrap_servers=site.servers.kafka.address)
    yield client
    client.close()


@services
def test_the_line_is_shown_as_kafka_and_postgresql_have_it(site: Deployment, producer: KafkaProducer) -> None:
    source = "sensor-1"
    count = len(producer.partitions_for(site.raw_topic))
    partition = (murmur2(source.encode()) & 0x7FFFFFFF) % count
    for _ in range(3):
        producer.send(site.raw_topic, b"{}", partition=partition).get(10)
    admin = KafkaAdminClient(bootstrap_servers=site.servers.kafka.address)
    topic = Topic.objects.create(
        kafka_id=UUID(str(admin.describe_topics([site.raw_topic])[0]["topic_id"])), name=site.raw_topic
    )
    admin.close()
    now = datetime.now(tz=UTC)
    Progress.objects.create(
        topic=topic, partition=partition, next_offset=1, records=1, events=4, record_time=now, updated_at=now
    )
    account(source, read=4, stored=3, duplicate=1)
    ConsumerMember.objects.create(member="c-1", partitions=[1, 0], since=now, heartbeat=now, state="running")
    ConsumerMember.objects.create(
        member="gone", partitions=[2], since=now, heartbeat=now - timedelta(minutes=1), state="running"
    )

    line = get("/api/pipeline/")

    assert line["ledger"] == {
        "accepted": 6, "stored": 3, "duplicate": 1, "deadLettered": 0, "dropped": 0, "inFlight": 2, "unaccounted": 0,
        "inFlightRange": {"atLeast": 2, "atMost": 2},
    }  # fmt: skip
    assert line["inFlightEstimated"] is False
    waits = {"accepted": None, "inFlight": None, "inFlightRange": {"atLeast": 0, "atMost": 2}}
    assert line["sources"] == [{"sourceId": source, **line["ledger"], **waits}]
    behind = {each["partition"]: each["records"] for each in line["lag"]}
    assert behind == {**dict.fromkeys(range(count), 0), partition: 2}
    assert [(member["member"], member["partitions"]) for member in line["consumers"]] == [("c-1", [0, 1])]
    assert {name: store["state"] for name, store in line["stores"].items()} == dict.fromkeys(
        ("postgresql", "mongodb", "redis", "kafka"), "up"
    )
    assert all(store["latencyMs"] > 0 for store in line["stores"].values())


@services
def test_an_empty_line_has_nothing_in_flight_and_says_so(site: Deployment) -> None:
    line = get("/api/pipeline/")

    assert line["ledger"] == {
        "accepted": 0, "stored": 0, "duplicate": 0, "deadLettered": 0, "dropped": 0, "inFlight": 0, "unaccounted": 0,
        "inFlightRange": {"atLeast": 0, "atMost": 0},
    }  # fmt: skip
    assert line["inFlightEstimated"] is False
    assert line["deadLetters"] == {state: {"atLeast": 0, "atMost": 0} for state in ("open", "parked")}
    assert {each["topic"] for each in line["lag"]} == {site.raw_topic}


@services
@pytest.mark.usefixtures("site")
def test_the_line_is_kept_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    # However busy this machine is.
    monkeypatch.setattr(reads_cache, "TOO_SLOW", 10.0)
    monkeypatch.setattr(reads_cache, "_paused_until", 0.0)
    before = get("/api/pipeline/")
    account("sensor-1", read=1, stored=1)

    kept = get("/api/pipeline/")
    cache.clear()

    assert kept["at"] == before["at"]
    assert get("/api/pipeline/")["ledger"]["stored"] == 1
