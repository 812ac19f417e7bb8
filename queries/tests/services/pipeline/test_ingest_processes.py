"""/api/pipeline/: the receivers' own counters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.core.cache import cache

from deploy.testing.deployment import Deployment
from ingestion.acceptance import heartbeat
from ingestion.acceptance.backpressure import BackpressureState
from ingestion.acceptance.heartbeat import ProcessStatus
from ingestion.runtime import signed_values
from queries.tests.stored import get

pytestmark = pytest.mark.services


@pytest.fixture
def client(site: Deployment) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(f"redis://{settings.REDIS_ADDR}") as opened:
        yield opened


def beat(client: redis.Redis, process: str, *, accepted: int = 0, refused: dict[str, int] | None = None) -> None:
    said = ProcessStatus(
        process, "ingest", 1_000, accepted / 10, accepted, refused or {}, 3, 900, BackpressureState("off", None)
    )
    client.set(heartbeat.key(process), heartbeat.encode(said), ex=15)
    client.sadd(heartbeat.RECEIVERS, process)


def test_the_receivers_counters_add_up_and_each_process_stands_by_itself(client: redis.Redis) -> None:
    beat(client, "b-2", accepted=25, refused={"missing_field": 1})
    beat(client, "a-1", accepted=100, refused={"missing_field": 4, "not_json": 2})

    receivers = get("/api/pipeline/")["doors"]

    assert (receivers["accepted"], receivers["acceptedPerSecond"]) == (125, 12.5)
    assert receivers["refused"] == {"missing_field": 5, "not_json": 2}
    assert [process["process"] for process in receivers["processes"]] == ["a-1", "b-2"]
    assert receivers["processes"][1] == {
        "process": "b-2",
        "kind": "ingest",
        "since": "1970-01-01T00:00:01Z",
        "acceptedPerSecond": 2.5,
        "accepted": 25,
        "refused": {"missing_field": 1},
        "inFlightEvents": 3,
        "inFlightBytes": 900,
        "guard": {"state": "off", "reason": None},
    }


def test_a_receiver_that_says_nothing_any_more_is_left_out_and_forgotten(client: redis.Redis) -> None:
    beat(client, "killed")
    beat(client, "alive")
    client.delete(heartbeat.key("killed"))

    assert [process["process"] for process in get("/api/pipeline/")["doors"]["processes"]] == ["alive"]
    assert client.smembers(heartbeat.RECEIVERS) == {b"alive"}


def test_what_a_receiver_of_another_release_says_hides_no_other(client: redis.Redis) -> None:
    beat(client, "ours")
    theirs = signed_values.sign(heartbeat.key("theirs"), b'{"process": "theirs", "speed": "high"}')
    client.set(heartbeat.key("theirs"), theirs, ex=15)
    client.sadd(heartbeat.RECEIVERS, "theirs")

    assert [process["process"] for process in get("/api/pipeline/")["doors"]["processes"]] == ["ours"]


def test_no_receiver_is_not_the_same_as_not_knowing(site: Deployment) -> None:
    none = get("/api/pipeline/")["doors"]
    site.servers.redis.freeze()
    try:
        unknown = get("/api/pipeline/")
    finally:
        site.servers.redis.thaw()
        cache.close()

    assert none == {"acceptedPerSecond": 0, "accepted": 0, "refused": {}, "processes": []}
    assert unknown["doors"] is None
    assert unknown["stores"]["redis"]["state"] == "down"


def test_the_receivers_are_described_as_not_being_the_ledger(site: Deployment) -> None:
    schemas = get("/api/schema/?format=json")["components"]["schemas"]

    assert "no part of the ledger" in schemas["Doors"]["description"]
    described = schemas["Pipeline"]["properties"]["doors"]["anyOf"]
    assert {"$ref": "#/components/schemas/Doors"} in described
    assert {"type": "null"} in described
