from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import grpc
import msgspec
import pytest
import redis
from django.conf import settings

from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.acceptance import heartbeat, rejection_counts
from ingestion.tests.client import JSON, call, event, numbered, post
from ingestion.tests.conftest import open_receiver
from ingestion.tests.grpc_client import Client as GrpcClient
from ingestion.tests.grpc_client import event as grpc_event

pytestmark = pytest.mark.services


@pytest.fixture
def client(site: Deployment) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(f"redis://{settings.REDIS_ADDR}") as opened:
        yield opened


Said = dict[str, Any]


def pulse_of(client: redis.Redis, process: ProductProcess) -> Said | None:
    for name in client.smembers(heartbeat.RECEIVERS):
        process_name = name.decode() if isinstance(name, bytes) else name
        text = client.get(heartbeat.key(process_name))
        if text is not None and process_name.endswith(f"-{process.pid}"):
            status = heartbeat.decode(process_name, text)
            assert status is not None
            found: Said = msgspec.json.decode(msgspec.json.encode(status))
            return found
    return None


def refused_in(client: redis.Redis, *hours: str) -> list[rejection_counts.RejectionCount]:
    """What Redis holds of these hours."""
    found = [{_raw(name): _raw(count) for name, count in client.hgetall(hour).items()} for hour in hours]
    return [count for fields in found for count in rejection_counts.read(fields)]


def _raw(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def when(site: Deployment, client: redis.Redis, process: ProductProcess, **said: object) -> Said:
    """What a process says, as soon as it says this."""

    def found() -> Said | None:
        pulse = pulse_of(client, process)
        return pulse if pulse is not None and said.items() <= pulse.items() else None

    heard = site.wait_for(found, 5)
    assert heard is not None
    return heard


def test_a_receiver_says_within_moments_what_it_took_and_what_it_refused(site: Deployment, client: redis.Redis) -> None:
    receiver = open_receiver(site)

    post(receiver.url, [*numbered(4), {"sourceId": "sensor-123"}, {}])
    call(receiver.url, "POST", "/ingest", b"{", JSON)
    call(receiver.url, "POST", "/ingest", b"{", {"Content-Type": "text/plain"})
    call(receiver.url, "GET", "/ingest")
    post(receiver.url, [event(), {}], query="?atomic=true")
    post(receiver.url, [event(), {"payload": {}}, 7], query="?results=all")
    said = when(site, client, receiver, accepted=5, acceptedPerSecond=0)

    assert (said["kind"], said["inFlightEvents"], said["inFlightBytes"]) == ("ingest", 0, 0)
    assert said["guard"] == ["off", None]
    assert said["refused"] == {
        "missing_field": 4,
        "not_an_event": 1,
        "nothing_accepted": 1,
        "not_json": 1,
        "unsupported_media_type": 1,
        "method_not_allowed": 1,
    }


@pytest.mark.alone  # a process that ends gives Redis 0.09 s for a command, once
def test_refusals_are_kept_by_minute_beyond_the_end_of_their_process(site: Deployment, client: redis.Redis) -> None:
    receiver = open_receiver(site)
    hours = [rejection_counts.key(int(time.time())), rejection_counts.key(int(time.time()) + rejection_counts.HOUR)]
    client.delete(*hours)

    call(receiver.url, "POST", "/ingest", b"{", JSON)
    post(receiver.url, [{}, {}, event()])
    receiver.stop()

    assert sorted((count.code, count.refused) for count in refused_in(client, *hours)) == [
        ("missing_field", 2),
        ("not_json", 1),
    ]
    assert {client.ttl(hour) > rejection_counts.KEPT_SECONDS - 60 for hour in hours if client.exists(hour)} == {True}


def test_what_never_became_a_request_counts_too(site: Deployment, client: redis.Redis) -> None:
    receiver = open_receiver(site)

    call(receiver.url, "POST", "/ingest", b"{}", {**JSON, "X-Long": "x" * 20_000})

    said = site.wait_for(lambda: (pulse_of(client, receiver) or {}).get("refused"))
    assert said == {"headers_too_large": 1}


def test_a_rate_is_said_while_events_come_and_falls_to_zero_after_them(site: Deployment, client: redis.Redis) -> None:
    receiver = open_receiver(site)

    def rate() -> float:
        said = pulse_of(client, receiver)
        return float(said["acceptedPerSecond"]) if said else 0.0

    sent = 0
    deadline = time.monotonic() + 10
    while not rate() and time.monotonic() < deadline:
        post(receiver.url, event(payload={"n": sent}))
        sent += 1

    assert rate() > 0
    site.wait_for(lambda: rate() == 0, 5)
    assert when(site, client, receiver, accepted=sent)["acceptedPerSecond"] == 0


def test_the_web_process_has_a_receiver_from_its_first_request_on(site: Deployment, client: redis.Redis) -> None:
    web = site.start_web()

    site.wait_for(lambda: post(web.url, event()).status == 202, 20)

    assert when(site, client, web, accepted=1)["kind"] == "web"


def test_the_grpc_receiver_counts_as_the_others_do(site: Deployment, client: redis.Redis) -> None:
    receiver = site.start_grpc()
    caller = GrpcClient(receiver.port)

    with contextlib.closing(caller.channel):
        site.wait_for(lambda: is_taken(caller), 20)
        with pytest.raises(grpc.RpcError):
            caller.ingest(grpc_event("!", {"n": 1}))

    said = when(site, client, receiver, accepted=1, refused={"invalid_source_id": 1})
    assert said["kind"] == "grpc"


def is_taken(caller: GrpcClient) -> bool:
    try:
        caller.ingest(grpc_event("sensor-1", {"n": 1}))
    except grpc.RpcError:
        return False
    return True


@pytest.mark.faults
def test_a_receiver_that_is_stopped_is_forgotten_at_once_and_a_killed_one_soon(
    site: Deployment, client: redis.Redis
) -> None:
    stopped, killed = open_receiver(site), open_receiver(site)
    site.wait_for(lambda: pulse_of(client, stopped) and pulse_of(client, killed))

    stopped.stop()
    killed.kill()

    assert pulse_of(client, stopped) is None
    left = pulse_of(client, killed)
    assert left is not None
    assert 0 < client.ttl(heartbeat.key(left["process"])) <= heartbeat.EXPIRES_SECONDS


@pytest.mark.faults
def test_a_frozen_redis_stops_no_request_and_is_told_of_all_when_it_is_back(
    site: Deployment, client: redis.Redis
) -> None:
    receiver = open_receiver(site)
    site.wait_for(lambda: pulse_of(client, receiver))
    hour = rejection_counts.key(int(time.time()))
    client.delete(hour)

    site.servers.redis.freeze()
    try:
        # Long enough for several heartbeats without an answer.
        ends = time.monotonic() + 3
        sent = 0
        while time.monotonic() < ends:
            assert post(receiver.url, event(payload={"n": sent})).status == 202
            sent += 1
        post(receiver.url, {})
    finally:
        site.servers.redis.thaw()

    when(site, client, receiver, accepted=sent)
    site.wait_for(lambda: [count.code for count in refused_in(client, hour)] == ["missing_field"], 5)
    assert receiver.log.count("Redis does not answer the receiver") == 1
