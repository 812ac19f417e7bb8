"""Metrics and the details of readiness are for internal addresses, or need a key."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from dataflow_site.web import health
from ingestion import server
from ingestion.runtime import internal_access
from queries.pipeline import dependencies

KEY = "k" * 32
STRANGER, INSIDE = "203.0.113.9", "10.1.2.3"
UP = {"state": "up", "latencyMs": 1.0}
STATES = {"postgresql": UP, "mongodb": UP, "redis": UP, "kafka": UP}


@pytest.mark.parametrize(
    ("peer", "head", "internal"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        (INSIDE, {}, True),
        ("::ffff:10.1.2.3", {}, True),
        (STRANGER, {}, False),
        ("", {}, False),
        # A proxy of our own network passes on what came from elsewhere.
        (INSIDE, {b"x-forwarded-for": b"203.0.113.9"}, False),
        (INSIDE, {b"x-forwarded-for": b""}, False),
        (INSIDE, {b"x-forwarded-proto": b"https"}, False),
        (STRANGER, {b"x-forwarded-for": b"127.0.0.1"}, False),
        # One that is trusted names the client.
        ("10.9.9.9", {b"x-forwarded-for": b"203.0.113.9"}, False),
        ("10.9.9.9", {b"x-forwarded-for": b"10.1.2.3"}, True),
        (STRANGER, {b"authorization": f"Bearer {KEY}".encode()}, True),
        (STRANGER, {b"authorization": b"Bearer wrong"}, False),
        (STRANGER, {b"authorization": f"Basic {KEY}".encode()}, False),
    ],
)
def test_who_is_internal(settings: Settings, peer: str, head: dict[bytes, bytes], internal: bool) -> None:
    settings.DATAFLOW_METRICS_KEY = KEY
    settings.DATAFLOW_TRUSTED_PROXIES = ["10.9.9.9"]

    assert internal_access.is_internal(peer, head) is internal


def test_without_a_key_an_empty_one_opens_nothing(settings: Settings) -> None:
    settings.DATAFLOW_METRICS_KEY = ""

    assert not internal_access.is_internal(STRANGER, {b"authorization": b"Bearer "})


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    asked: list[int] = []

    def read() -> Any:
        asked.append(1)
        return STATES

    monkeypatch.setattr(dependencies, "states", read)
    monkeypatch.setattr(health, "_states", health._States())
    return asked


def test_strangers_get_the_status_of_web_and_no_details(states: list[int]) -> None:
    client = Client()

    for path in ("/healthz", "/readyz"):
        assert client.get(path, REMOTE_ADDR=STRANGER).status_code == 200
    assert client.get("/readyz", REMOTE_ADDR=STRANGER).json() == {"status": "ready"}
    refused = client.get("/metrics", REMOTE_ADDR=STRANGER)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert client.get("/readyz", REMOTE_ADDR=INSIDE).json()["dependencies"] == STATES
    assert b"# HELP" in client.get("/metrics", REMOTE_ADDR=INSIDE).content
    assert len(states) == 1


async def probe(path: str, peer: str) -> tuple[int, bytes]:
    answered: list[Any] = []

    async def send(message: Any) -> None:
        answered.append(message)

    async def receive() -> Any:
        raise AssertionError("a probe has no body")

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "client": (peer, 1), "query_string": b""}
    await server.application(scope, receive, send)
    return answered[0]["status"], answered[1]["body"]


async def test_strangers_get_no_metrics_of_the_receivers() -> None:
    assert (await probe("/metrics", STRANGER))[0] == 403
    assert (await probe("/metrics", INSIDE))[0] == 200
    assert (await probe("/healthz", STRANGER))[0] == 200
