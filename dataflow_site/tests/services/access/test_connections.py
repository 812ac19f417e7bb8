"""No request holds a connection to PostgreSQL while it waits for anything else."""

from __future__ import annotations

import hashlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from psycopg_pool import ConnectionPool

from dataflow_site.tests import routes
from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.tests.client import numbered, post
from processing.models import DeadLetter
from processing.monitoring.state_gauges import Gauges
from processing.tests import kafka_readers
from queries.tests.stored import account, make_event, store, store_document, topic

pytestmark = pytest.mark.services

EVENT = UUID(routes.SAMPLES["event_id"])
# All that the product's clients wait in: sockets of Redis, MongoDB and Kafka, threads that ask for others, hashes.
WAITS: list[tuple[Any, str]] = [
    *((socket.socket, name) for name in ("recv", "recv_into", "sendall", "connect")),
    (threading.Event, "wait"),
    (Future, "result"),
    (time, "sleep"),
    (hashlib, "pbkdf2_hmac"),
]


class Watch:
    """Counts the connections that each thread took from the pool, and notes where it waits with one."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._held = threading.local()
        self.waits: list[str] = []
        take, give = ConnectionPool.getconn, ConnectionPool.putconn

        def getconn(pool: Any, *args: Any, **kwargs: Any) -> Any:
            taken = take(pool, *args, **kwargs)
            self._held.count = self.held + 1
            return taken

        def putconn(pool: Any, *args: Any) -> None:
            # Counted first: the pool's own work is no wait of the request's.
            self._held.count = self.held - 1
            give(pool, *args)

        patch.setattr(ConnectionPool, "getconn", getconn)
        patch.setattr(ConnectionPool, "putconn", putconn)
        for owner, name in WAITS:
            patch.setattr(owner, name, self._noted(getattr(owner, name), name), raising=False)

    @property
    def held(self) -> int:
        return int(getattr(self._held, "count", 0))

    def _noted(self, wait: Callable[..., Any], name: str) -> Callable[..., Any]:
        def waits(*args: Any, **kwargs: Any) -> Any:
            frame = sys._getframe(1)
            # A thread that starts waits some us for its own beginning, such as that of a timer.
            if self.held and not (name == "wait" and frame.f_code.co_name == "start"):
                self.waits.append(_path(frame))
            return wait(*args, **kwargs)

        return waits


def _path(frame: Any) -> str:
    """Return the product's functions on the way to a frame, the innermost first."""
    found = []
    while frame is not None:
        name = frame.f_code.co_filename
        if "site-packages" not in name and "/lib/python" not in name and "/tests/" not in name:
            found.append(f"{name.rsplit('/', 1)[-1]}:{frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(found[:6])


@pytest.fixture(scope="module")
def watch(module_site: Deployment) -> Iterator[Watch]:
    """Records that wait, an event in both stores, a dead letter, and then the watch."""
    receiver = module_site.start_ingest()
    post(receiver.url, numbered(20))
    receiver.stop()
    stored = make_event(event_id=EVENT)
    store(stored)
    store_document(stored)
    account("sensor-1", stored=1)
    DeadLetter.objects.create(
        id=1, topic=topic(), partition=0, offset=5, line=0, raw=b"{}", reason="not_json", stage="decode",
        received=stored.received, first_seen=stored.received, last_seen=stored.received, state="open", event_id=EVENT,
    )  # fmt: skip
    User.objects.create_superuser("operator", password="correct")
    connection.close()
    with pytest.MonkeyPatch.context() as patch:
        yield Watch(patch)
    kafka_readers.close_all()


@pytest.fixture
def operator(watch: Watch, settings: Any) -> Client:
    settings.DATAFLOW_OPEN_READ = False
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get())
    return client


def waits_of(watch: Watch, ask: Callable[[], Any]) -> set[str]:
    """Return where one request waited while it held a connection."""
    connection.close()
    watch.waits.clear()
    ask()
    return set(watch.waits)


def test_no_address_waits_while_it_holds_a_connection(watch: Watch, operator: Client) -> None:
    found = {}
    for path in [*map(routes.fill, routes.templates()), f"/api/events/{uuid4()}/trace/"]:
        if waits := waits_of(watch, lambda path=path: b"".join(_body(operator.get(path)))):  # type: ignore[misc]
            found[path] = waits

    assert found == {}


def test_the_gauges_of_the_job_worker_hold_no_connection_while_they_ask_kafka(watch: Watch) -> None:
    gauges = Gauges()
    assert [waits_of(watch, gauges.refresh) for _ in range(2)] == [set(), set()]


def _body(answer: Any) -> Iterator[bytes]:
    # A streamed one frees what it holds.
    with closing(answer):
        if not answer.streaming:
            yield answer.content


def test_no_guess_of_a_password_holds_a_connection_while_it_is_hashed(watch: Watch) -> None:
    client, hashed = Client(), []
    real = hashlib.pbkdf2_hmac

    for password in ("wrong", "correct"):
        form = {"username": "operator", "password": password}
        assert waits_of(watch, lambda form=form: hashed.append(client.post("/sign-in/", form))) == set()  # type: ignore[misc]

    assert real is hashlib.pbkdf2_hmac
    assert [answer.status_code for answer in hashed] == [200, 302]
    assert settings.SESSION_COOKIE_NAME in client.cookies


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/keys/", {"name": "new"}),
        ("/api/dead-letters/1/redrive/", {"dryRun": True}),
        ("/api/dead-letters/redrive/", {"dryRun": True, "ids": [1]}),
        ("/api/dead-letters/discard/", {"dryRun": True, "ids": [1], "note": "wrong"}),
    ],
)
def test_no_change_waits_while_it_holds_a_connection(watch: Watch, path: str, body: dict[str, object]) -> None:
    _, token = api_keys.create("operator", ["admin"])
    client, answers = Client(headers={"Authorization": f"Bearer {token}"}), []

    waits = waits_of(watch, lambda: answers.append(client.post(path, body, content_type="application/json")))

    assert waits == set()
    assert answers[0].status_code in {200, 201}, answers[0].content
