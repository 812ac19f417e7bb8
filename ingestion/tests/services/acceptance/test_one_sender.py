"""What one sender can do to the others: nothing but use its own rate and its own new sources."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event as Flag
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.auth import api_keys
from ingestion.models import Source
from ingestion.tests.client import JSON, Reply, call, event, numbered
from ingestion.tests.conftest import open_receiver
from ingestion.tests.topic import events

pytestmark = pytest.mark.services

BODY = 5 * 1024 * 1024 - 100  # bytes
NESTS = [
    b"[[1" + b",1" * (BODY // 2) + b"]]",
    b"[[[]" + b",[]" * (BODY // 3) + b"]]",
    b"[" + b'{"":[' * (BODY // 5),
    b"[" + b",".join([b'{"":[' * 36_000 + b"1" + b"]}" * 36_000] * 20) + b"]",
    b"["
    + b",".join([b'{"sourceId":"a","timestamp":1,"payload":{"a":[{}%b,"\\u0000"]}}' % (b",{}" * 80_000)] * 20)
    + b"]",
]
LIMITS = {"DATAFLOW_OPEN_INGEST": "0", "DATAFLOW_MAX_SOURCES": "400", "DATAFLOW_NEW_SOURCES_PER_KEY": "300"}


def send(receiver: ProductProcess, token: str, content: Any, *, path: str = "/ingest") -> Reply:
    sent = JSON | {"Authorization": f"Bearer {token}"}
    return call(receiver.url, "POST", path, json.dumps(content).encode(), sent)


def of_sources(count: int, prefix: str) -> list[dict[str, Any]]:
    return [event(f"{prefix}-{n}") for n in range(count)]


@contextmanager
def attack(receiver: ProductProcess, token: str) -> Iterator[list[int]]:
    """Send nests all the time, over four connections at once."""
    bodies = [gzip.compress(nest, 9) for nest in NESTS]
    head = JSON | {"Authorization": f"Bearer {token}", "Content-Encoding": "gzip"}
    statuses: list[int] = []
    over = Flag()

    def keep_sending(number: int) -> None:
        while not over.is_set():
            statuses.append(call(receiver.url, "POST", "/ingest", bodies[number % len(bodies)], head).status)
            number += 1

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(keep_sending, number) for number in range(4)]
        try:
            yield statuses
        finally:
            over.set()
            for thread in running:
                thread.result()


def slowest(receiver: ProductProcess, token: str, *, seconds: float) -> float:
    """The 99th percentile of a neighbour's requests and of health checks, all of which succeed."""
    took: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        assert send(receiver, token, event("neighbour", payload={"n": len(took)})).status == 202
        took.append(time.monotonic() - began)
        began = time.monotonic()
        assert call(receiver.url, "GET", "/healthz").status == 200
        took.append(time.monotonic() - began)
    return sorted(took)[int(len(took) * 0.99)]


def test_nests_that_take_long_to_check_delay_no_neighbour(site: Deployment) -> None:
    receiver = open_receiver(site, LIMITS)
    _, hostile = api_keys.create("hostile", ["ingest"], sources=["own"])
    _, good = api_keys.create("good", ["ingest"], sources=["neighbour"])

    calm = slowest(receiver, good, seconds=1)
    with attack(receiver, hostile) as statuses:
        under = slowest(receiver, good, seconds=5)

    assert statuses
    assert set(statuses) <= {400, 413, 422, 503}
    # Some 0.1 s on two quiet processors. On one loop with the checks it was 3 to 12 s.
    assert under < max(1.0, 10 * calm)


def test_the_rate_is_judged_when_the_events_are_counted(site: Deployment) -> None:
    receiver = open_receiver(site, LIMITS)
    _, token = api_keys.create("eager", ["ingest"], sources=["eager"], rate="1:60")
    body = json.dumps(numbered(1_000, "eager")).encode()
    head = (
        f"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    address = urlsplit(receiver.url)
    waiting = [socket.create_connection((address.hostname or "", address.port or 0)) for _ in range(50)]
    for connection in waiting:
        connection.sendall(head + body[:1])
    # So that every head was judged; a request that comes later is served later.
    assert call(receiver.url, "GET", "/healthz").status == 200

    replies = []
    for connection in waiting:
        connection.sendall(body[1:])
    for connection in waiting:
        with connection, connection.makefile("rb") as answer:
            replies.append(answer.read())

    taken = [reply for reply in replies if reply.startswith(b"HTTP/1.1 202")]
    refused = [reply for reply in replies if reply.startswith(b"HTTP/1.1 429")]
    assert (len(taken), len(refused)) == (1, 49)
    assert all(b"ratelimit-remaining: 0" in reply for reply in refused)
    waits = [int(reply.partition(b"retry-after: ")[2].split()[0]) for reply in refused]
    assert 59_000 < min(waits) <= max(waits) <= 60_000
    assert len(events(site.raw_topic)) == 1_000


def test_what_is_refused_uses_up_the_rate_too(site: Deployment) -> None:
    receiver = open_receiver(site, LIMITS)
    _, bad = api_keys.create("bad", ["ingest"], sources=["bad"], rate="100:3600")
    _, worse = api_keys.create("worse", ["ingest"], sources=["bad"], rate="100:3600")

    rejected = send(receiver, bad, [event("bad", payload=[])] * 200)
    whole = send(receiver, worse, "no event" * 100_000)

    assert (rejected.status, rejected.headers["ratelimit-remaining"]) == (422, "0")
    assert whole.status in {400, 413, 422}
    assert [send(receiver, token, event("bad")).status for token in (bad, worse)] == [429, 429]


def test_a_key_uses_up_its_own_new_sources_and_no_others(site: Deployment) -> None:
    Source.objects.create(source_id="registered")
    receiver = open_receiver(site, LIMITS)
    _, bound = api_keys.create("bound", ["ingest"], sources=["own"])
    _, greedy = api_keys.create("greedy", ["ingest"])
    _, other = api_keys.create("other", ["ingest"])

    before = send(receiver, bound, of_sources(1_000, "made-up"))
    checked = send(receiver, greedy, of_sources(1_000, "checked"), path="/ingest/validate")
    first = send(receiver, greedy, of_sources(1_000, "greedy"))
    after = send(receiver, bound, of_sources(1_000, "made-up"))

    assert (checked.status, first.json["accepted"], first.json["errorCount"]) == (200, 300, 700)
    assert {item["code"] for item in first.json["results"]} == {"too_many_sources"}
    assert send(receiver, greedy, event("another")).code == "too_many_sources"
    assert send(receiver, greedy, event("registered")).status == 202
    assert send(receiver, other, of_sources(100, "other")).status == 202
    # Neither what others have sent nor what there is changes what a bound key is told.
    known = send(receiver, bound, [event("greedy-1"), event("registered"), event("no-one")])
    assert {item["code"] for reply in (before, after, known) for item in reply.json["results"]} == {
        "source_not_allowed"
    }
    assert send(receiver, bound, event("own")).status == 202


def test_a_key_for_a_pattern_uses_up_its_own_new_sources_too(site: Deployment) -> None:
    receiver = open_receiver(site, LIMITS)
    _, plant = api_keys.create("plant", ["ingest"], sources=["plant-*"])

    first = send(receiver, plant, of_sources(1_000, "plant"))

    assert (first.json["accepted"], first.json["errorCount"]) == (300, 700)
    assert {item["code"] for item in first.json["results"]} == {"too_many_sources"}
    assert send(receiver, plant, event("other")).code == "source_not_allowed"
