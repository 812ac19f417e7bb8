"""/api/pipeline/ledger/: the account by minute and source, refusals, gaps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from deploy.testing.deployment import Deployment
from ingestion.acceptance import rejection_counts
from ingestion.auth.read_scope import EVERYTHING
from processing.ledger.header_counts import NONE, uncounted
from processing.ledger.lag import PartitionLag
from processing.ledger.ledger import Snapshot, Totals
from processing.models import Hold, Incident, LedgerGap, LedgerMinute
from queries.pipeline.snapshot import PipelineSnapshot
from queries.tests.stored import NOON, account, get, refused, topic, walk

services = pytest.mark.services
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def pipeline(*lags: PartitionLag, age: float | None = 0.1) -> PipelineSnapshot:
    return PipelineSnapshot(NOW, Snapshot(Totals(), {}), None, list(lags), age, EVERYTHING)


def test_while_nothing_waits_no_minute_has_anything_in_flight() -> None:
    settled = pipeline(PartitionLag(0, 0, NONE, 0.0)).settled_before()

    assert settled is not None
    assert settled > NOW


def test_minutes_well_before_what_was_read_last_have_nothing_in_flight() -> None:
    settled = pipeline(PartitionLag(0, 0, NONE, 0.0), PartitionLag(1, 9, uncounted(9), 30.0)).settled_before()

    assert settled == NOW - timedelta(seconds=90)


@pytest.mark.parametrize(
    "behind", [pipeline(PartitionLag(0, 3, uncounted(3), None)), pipeline(PartitionLag(0, 0, NONE, 0.0), age=9.0)]
)
def test_what_is_in_flight_cannot_be_told_before_the_first_record_nor_while_kafka_is_silent(
    behind: PipelineSnapshot,
) -> None:
    assert behind.settled_before() is None


def minute(number: int, source: str, *, partition: int = 0, read: int = 1, **outcomes: int) -> None:
    LedgerMinute.objects.create(
        source_id=source, minute=NOON + timedelta(minutes=number), partition=partition, read=read, **outcomes
    )


@pytest.fixture
def client(site: Deployment) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(f"redis://{settings.REDIS_ADDR}") as opened:
        yield opened


@services
@pytest.mark.usefixtures("site")
def test_each_minute_and_source_has_an_account_over_all_partitions() -> None:
    minute(0, "sensor-1", partition=0, read=5, stored=3, duplicate=1, dropped=1)
    minute(0, "sensor-1", partition=1, read=2, stored=2)
    minute(1, "", read=1, dead_lettered=1)
    account("sensor-1", read=7, stored=5, duplicate=1, dropped=1)

    answer = get("/api/pipeline/ledger/")

    assert answer["total"] == {
        "accepted": 7, "stored": 5, "duplicate": 1, "deadLettered": 0, "dropped": 1, "inFlight": 0, "unaccounted": 0,
        "inFlightRange": {"atLeast": 0, "atMost": 0},
    }  # fmt: skip
    assert answer["inFlightEstimated"] is False
    nothing_waits = {"inFlightRange": {"atLeast": 0, "atMost": 0}}
    assert answer["results"] == [
        {
            "sourceId": None, "minute": "2009-04-11T12:01:00Z", "seconds": 60, "read": 1, "accepted": 1, "stored": 0, "duplicate": 0,
            "deadLettered": 1, "dropped": 0, "inFlight": 0, "unaccounted": 0, **nothing_waits,
        },
        {
            "sourceId": "sensor-1", "minute": "2009-04-11T12:00:00Z", "seconds": 60, "read": 7, "accepted": 7, "stored": 5,
            "duplicate": 1, "deadLettered": 0, "dropped": 1, "inFlight": 0, "unaccounted": 0, **nothing_waits,
        },
    ]  # fmt: skip


@services
@pytest.mark.usefixtures("site")
def test_the_ledger_is_followed_forward_and_back_and_narrowed() -> None:
    for number in range(4):
        for source in ("a", "b"):
            minute(number, source, read=2, stored=1)
    account("b", read=8, stored=4)

    everything = walk("/api/pipeline/ledger/?limit=3")
    second = get(get("/api/pipeline/ledger/?limit=3")["next"])
    narrowed = get("/api/pipeline/ledger/?source_id=b&start_time=2009-04-11T12:01:00Z&end_time=2009-04-11T12:03:00Z")

    places = [(each["minute"][14:16], each["sourceId"]) for each in everything]
    assert places == [(f"{number:02}", source) for number in (3, 2, 1, 0) for source in ("b", "a")]
    assert get(second["previous"])["results"] == everything[:3]
    assert [each["minute"][14:16] for each in narrowed["results"]] == ["02", "01"]
    assert narrowed["total"]["unaccounted"] == 4
    assert narrowed["refusedAtDoors"] is None


@services
@pytest.mark.usefixtures("site")
def test_what_the_receivers_refused_stands_beside_the_ledger_by_minute_and_reason(client: redis.Redis) -> None:
    now = int(time.time()) // 60 * 60
    for at, code, process, count in (
        (now, "not_json", "a", 2),
        (now, "not_json", "b", 3),
        (now - 60, "unauthenticated", "a", 1),
        (now - 7200, "not_json", "a", 9),
    ):
        client.hset(rejection_counts.key(at), f"{at} {code} {process}", count)

    lately = get("/api/pipeline/ledger/")["refusedAtDoors"]
    since = datetime.fromtimestamp(now - 7200, tz=UTC).isoformat().replace("+00:00", "Z")
    earlier = get(f"/api/pipeline/ledger/?start_time={since}")["refusedAtDoors"]

    assert [(each["refused"], each["reasons"]) for each in lately] == [
        (5, {"not_json": 5}),
        (1, {"unauthenticated": 1}),
    ]
    assert [each["refused"] for each in earlier] == [5, 1, 9]


@services
def test_without_redis_the_ledger_is_whole_and_only_the_receivers_counters_are_missing(site: Deployment) -> None:
    minute(0, "sensor-1", stored=1)
    site.servers.redis.freeze()
    try:
        answer = get("/api/pipeline/ledger/")
    finally:
        site.servers.redis.thaw()

    assert len(answer["results"]) == 1
    assert answer["refusedAtDoors"] is None


@services
@pytest.mark.usefixtures("site")
def test_records_that_kafka_lost_are_listed() -> None:
    LedgerGap.objects.create(
        topic=topic(), partition=3, first_offset=10, next_offset=25, cause=LedgerGap.Cause.REMOVED, noticed_at=NOON
    )

    [gap] = get("/api/pipeline/ledger/")["gaps"]

    assert (gap["partition"], gap["firstOffset"], gap["nextOffset"], gap["records"]) == (3, 10, 25, 15)
    assert (gap["cause"], gap["noticedAt"]) == ("removed", "2009-04-11T12:00:00Z")


@services
@pytest.mark.usefixtures("site")
def test_the_ledger_takes_no_parameter_that_it_does_not_know() -> None:
    assert refused("/api/pipeline/ledger/?ofset=3")[0] == 400
    assert refused("/api/pipeline/ledger/?limit=0")[0] == 400
    assert refused("/api/pipeline/ledger/?start_time=yesterday")[1]["code"] == "invalid_parameter"


@services
@pytest.mark.usefixtures("site")
def test_the_line_lists_open_incidents_and_held_partitions() -> None:
    now = timezone.now()
    for subject, until in (("PostgreSQL", None), ("MongoDB", now)):
        Incident.objects.create(
            kind=Incident.Kind.DISK, subject=subject, detail="91 % full", since=NOON, last_seen=NOON, until=until
        )
    Hold.objects.create(topic=topic(), partition=3, since=NOON, reason="200 in a row")
    Hold.objects.create(topic=topic(), partition=4, since=NOON, reason="old", released_at=now)

    line = get("/api/pipeline/")

    assert [(each["kind"], each["subject"], each["detail"]) for each in line["incidents"]] == [
        ("disk", "PostgreSQL", "91 % full")
    ]
    assert [(each["partition"], each["reason"]) for each in line["held"]] == [(3, "200 in a row")]
