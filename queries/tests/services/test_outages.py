"""Answers of the web process while a server is frozen or stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen
from uuid import uuid4

import msgspec
import pytest
from django.core.cache import cache
from django.db import connection

from deploy.local.servers.server import Server
from deploy.testing.deployment import Deployment, close_pool
from queries.tests.stored import account, make_event, roll_up, series, store, store_document, timed_id

pytestmark = pytest.mark.services

WITHIN = 6.0  # seconds; the promised limit while PostgreSQL is frozen
READINGS = ("/data", "/api/sources/", "/api/data/aggregate/", "/api/dead-letters/", "/api/pipeline/")


@dataclass
class Answer:
    status: int
    body: Any
    seconds: float


def ask(address: str) -> Answer:
    started = time.monotonic()
    try:
        with urlopen(address, timeout=30) as response:
            status, body = response.status, response.read()
    except HTTPError as error:
        status, body = error.code, error.read()
    return Answer(status, msgspec.json.decode(body), time.monotonic() - started)


@pytest.fixture(scope="module")
def url(module_site: Deployment) -> str:
    store(*series(5))
    account("sensor-1", read=5, stored=5)
    return module_site.start_web().url


@pytest.fixture
def web(module_site: Deployment, url: str) -> str:
    """The web process, past the outage of the test before."""
    module_site.servers.ensure_running()
    # PostgreSQL may have been restarted under the connections of this process.
    connection.close()
    close_pool()
    module_site.wait_for(lambda: ask(f"{url}/readyz").body["status"] == "ready")
    module_site.wait_for(lambda: ask(f"{url}/data").status == 200)
    cache.clear()
    return url


@pytest.fixture
def frozen(module_site: Deployment) -> Iterator[list[Server]]:
    """Servers that a test freezes; thawed at its end whatever comes."""
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.thaw()


def freeze(server: Server, frozen: list[Server]) -> None:
    frozen.append(server)
    server.freeze()


def test_a_frozen_postgresql_is_a_503_in_time_and_forgotten_when_it_is_back(
    module_site: Deployment, web: str, frozen: list[Server]
) -> None:
    for path in READINGS:
        assert ask(web + path).status == 200

    # What Redis keeps may be shown for its moment; here it is not to hide anything.
    cache.clear()
    freeze(module_site.servers.postgres, frozen)
    # More than the pool has connections.
    with ThreadPoolExecutor(12) as clients:
        answers = list(clients.map(ask, [web + path for path in READINGS * 3][:12]))
    ready = ask(f"{web}/readyz")
    alive = ask(f"{web}/healthz")
    frozen.pop().thaw()

    for answer in answers:
        assert (answer.status, answer.body["code"]) == (503, "store_unavailable")
        assert answer.seconds < WITHIN
    assert (ready.status, ready.body["status"]) == (503, "unavailable")
    assert ready.body["dependencies"]["postgresql"]["state"] == "down"
    assert ready.seconds < WITHIN
    assert alive.status == 200
    module_site.wait_for(lambda: ask(f"{web}/data").status == 200, seconds=5)


def test_an_absent_postgresql_is_a_503_and_the_first_request_after_its_return_is_served(
    module_site: Deployment, web: str
) -> None:
    assert ask(f"{web}/data").status == 200

    module_site.servers.postgres.stop()
    try:
        gone = ask(f"{web}/data")
    finally:
        module_site.servers.postgres.start()

    assert (gone.status, gone.body["code"]) == (503, "store_unavailable")
    assert gone.seconds < WITHIN
    module_site.wait_for(lambda: ask(f"{web}/data").status == 200, seconds=5)


def test_without_mongodb_everything_but_the_documents_is_shown(
    module_site: Deployment, web: str, frozen: list[Server]
) -> None:
    event, other = make_event("sensor-2", event_id=timed_id()), make_event("sensor-2")
    store(event, other)
    store_document(event)
    store_document(other)
    address = f"{web}/api/events/{event.id}/"
    assert ask(address).body["documentState"] == "found"
    assert ask(f"{web}/api/events/{other.id}/").status == 200

    freeze(module_site.servers.mongo, frozen)
    data, detail, line, ready = (ask(url) for url in (f"{web}/data", address, f"{web}/api/pipeline/", f"{web}/readyz"))

    untold = [
        ask(f"{web}/api/events/{id_}/{more}") for id_ in (other.id, uuid4(), timed_id()) for more in ("", "trace/")
    ]

    assert (data.status, len(data.body["results"])) == (200, 7)
    assert (detail.status, detail.body["document"], detail.body["documentState"]) == (200, None, "unavailable")
    assert detail.body["payload"] == event.payload
    # Without a document only a time in the id leads to a row, so that whether there is one can't be said.
    assert {(each.status, each.body["code"]) for each in untold} == {(503, "store_unavailable")}
    assert max(each.seconds for each in untold) < WITHIN
    assert line.body["stores"]["mongodb"] == {"state": "down", "latencyMs": None}
    assert (ready.status, ready.body["status"]) == (200, "degraded")


@pytest.mark.parametrize("how", ["frozen", "stopped"])
def test_without_redis_nothing_is_missing(module_site: Deployment, web: str, frozen: list[Server], how: str) -> None:
    roll_up(f"sensor-{how}", "temperature", [(make_event().ts, 1.5)])
    assert ask(f"{web}/api/pipeline/").status == 200

    redis = module_site.servers.redis
    try:
        freeze(redis, frozen) if how == "frozen" else redis.stop()
        answers = [ask(web + path) for path in READINGS for _ in range(3)]
        # It keeps what it found for a second.
        ready = module_site.wait_for(lambda: degraded(web), seconds=5)
    finally:
        if how == "stopped":
            redis.start()

    assert [answer.status for answer in answers] == [200] * len(answers)
    assert ready is not None
    assert (ready.status, ready.body["status"]) == (200, "degraded")
    assert ready.body["dependencies"]["redis"]["state"] == "down"


def degraded(web: str) -> Answer | None:
    ready = ask(f"{web}/readyz")
    return ready if ready.body["status"] != "ready" else None


def test_without_kafka_the_ledger_is_shown_with_what_is_in_flight_unknown(
    module_site: Deployment, web: str, frozen: list[Server]
) -> None:
    assert ask(f"{web}/api/pipeline/").body["ledger"]["inFlight"] == 0

    freeze(module_site.servers.kafka, frozen)
    line = module_site.wait_for(lambda: down_line(web), seconds=15)
    assert line is not None
    ready = ask(f"{web}/readyz")

    assert line.status == 200
    assert line.body["ledger"]["stored"] == 5
    assert line.body["lagAgeSeconds"] > 2
    assert line.body["ledger"]["inFlight"] is None
    assert [partition["records"] for partition in line.body["lag"]] == [0] * len(line.body["lag"])
    assert (ready.status, ready.body["status"]) == (200, "degraded")
    assert ready.seconds < 3


def down_line(web: str) -> Answer | None:
    line = ask(f"{web}/api/pipeline/")
    assert line.seconds < 4
    return line if line.body["stores"]["kafka"]["state"] == "down" else None


def test_metrics_are_exported(web: str) -> None:
    assert ask(f"{web}/data").status == 200

    with urlopen(f"{web}/metrics", timeout=10) as response:
        text = response.read().decode()

    assert 'view="queries:short-data"' in text
