"""Redis holds nothing that is trusted: whatever stands there, no code runs, no answer fails, nothing stops."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket
from websockets.typing import Origin

from dataflow_site.tests import hostile_redis
from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.auth import api_keys
from ingestion.models import Key
from ingestion.tests.client import JSON, Reply, call, event
from ingestion.tests.conftest import open_receiver

pytestmark = pytest.mark.services

# What reads from Redis.
READERS = (
    "/",
    "/sources/",
    "/pipeline/",
    "/api/pipeline/",
    "/api/pipeline/ledger/",
    "/api/data/aggregate/?interval=1h",
)
PAGES = (*READERS, "/sources/sensor-1/", "/readyz", "/metrics", "/api/sources/", "/data?limit=1")


@dataclass(frozen=True, slots=True)
class Product:
    """A running product with one event stored."""

    site: Deployment
    ingest: ProductProcess
    web: ProductProcess
    redis: redis.Redis

    def send(self, number: int, key: str) -> Reply:
        body = json.dumps(event("sensor-1", payload={"n": number})).encode()
        return call(self.ingest.url, "POST", "/ingest", body, {**JSON, "Idempotency-Key": key})

    def read(self, paths: Iterable[str] = PAGES) -> set[int]:
        """Return the statuses of these pages."""
        return {call(self.web.url, "GET", path).status for path in paths}

    def all_keys(self) -> set[bytes]:
        """Return every key that there is while the pages are read; some live for a second."""
        found: set[bytes] = set()
        for path in PAGES:
            call(self.web.url, "GET", path)
            found.update(self.redis.scan_iter(count=1_000))
        return found


@pytest.fixture(scope="module")
def product(module_site: Deployment) -> Iterator[Product]:
    ingest, web = open_receiver(module_site), module_site.start_web()
    module_site.start_consumer()
    with hostile_redis.connect() as client:
        opened = Product(module_site, ingest, web, client)
        assert opened.send(0, "first").status == 202
        assert call(ingest.url, "POST", "/ingest", b"{", JSON).status == 400
        module_site.wait_for(lambda: call(web.url, "GET", "/data?limit=1").json["results"])
        yield opened


def test_every_key_and_channel_of_the_product_is_tried_below(product: Product) -> None:
    def all_are_there() -> bool:
        keys = product.all_keys()
        assert [key for key in keys if not key.startswith(hostile_redis.KEYS)] == []
        return all(any(key.startswith(known) for key in keys) for known in hostile_redis.KEYS)

    product.site.wait_for(all_are_there)
    with live_socket(product):
        assert set(product.redis.pubsub_channels()) == hostile_redis.CHANNELS


def test_no_hostile_value_under_any_key_runs_code_or_fails_an_answer(product: Product, tmp_path: Path) -> None:
    keys = product.all_keys()
    for values in zip(*(hostile_redis.texts(key, tmp_path / "ran") for key in keys), strict=True):
        for key, value in zip(keys, values, strict=True):
            product.redis.set(key, value)

        # As if nothing were stored there.
        sent = product.send(0, "first")

        assert (sent.status, sent.headers.get("idempotency-replayed")) == (202, None), values[0][:80]
        assert product.read(READERS) == {200}, values[0][:80]

    assert product.read() == {200}
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["string", "list", "set", "sorted set", "hash", "stream"])
def test_a_value_of_another_type_of_redis_fails_no_answer_and_is_replaced(product: Product, kind: str) -> None:
    for key in product.all_keys():
        product.redis.delete(key)
        hostile_redis.other_types(product.redis, key)[kind]()

    sent = [product.send(0, "first"), product.send(0, "first")]

    assert [reply.status for reply in sent] == [202, 202]
    assert [reply.headers.get("idempotency-replayed") for reply in sent] == [None, "true"]
    assert product.read() == {200}
    # The next heartbeat is within 5 s.
    product.site.wait_for(lambda: receivers(product) == 1, 10)


def test_hostile_messages_on_every_channel_stop_neither_receivers_nor_the_live_feed(
    product: Product, tmp_path: Path
) -> None:
    _, token = api_keys.create("hostile", scopes=["ingest"])
    keyed = {**JSON, "Authorization": f"Bearer {token}"}
    with live_socket(product) as viewer:
        for channel in hostile_redis.CHANNELS:
            for value in hostile_redis.texts(channel, tmp_path / "ran"):
                product.redis.publish(channel, value)

        # It was published after all of them.
        assert product.send(int(time.time()), "after").status == 202
        assert await_stored(viewer)
    assert call(product.ingest.url, "POST", "/ingest", json.dumps(event()).encode(), keyed).status == 202
    for key in Key.objects.filter(name="hostile"):
        api_keys.revoke(key)
    product.site.wait_for(
        lambda: call(product.ingest.url, "POST", "/ingest", json.dumps(event()).encode(), keyed).status == 401, 5
    )
    assert not (tmp_path / "ran").exists()


@contextmanager
def live_socket(product: Product) -> Iterator[ClientConnection]:
    """Open a viewer, and yield it once its web process listens to Redis."""
    address = product.web.url.replace("http", "ws", 1) + "/ws/live"
    with open_socket(address, origin=Origin("http://localhost")) as socket:
        deadline = time.monotonic() + 20
        while b"dataflow:live" not in product.redis.pubsub_channels():
            assert time.monotonic() < deadline
            socket.recv(timeout=20)
        yield socket


def await_stored(viewer: ClientConnection) -> int:
    """Return how many events the first frame that has any shows as stored."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        message: dict[str, Any] = json.loads(viewer.recv(timeout=20))
        if message["type"] == "frame":
            viewer.send(json.dumps({"type": "ack", "seq": message["seq"]}))
            stored = int(message["subscriptions"]["overview"]["sums"]["stored"])
            if stored:
                return stored
    raise AssertionError("no frame came")


def receivers(product: Product) -> int:
    return len(call(product.web.url, "GET", "/api/pipeline/").json["doors"]["processes"])
