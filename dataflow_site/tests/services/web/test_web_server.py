"""The web process as its clients see it: streams, WebSockets, limits of pages, restarts."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import psutil
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.auth import api_keys
from ingestion.tests.client import event, post

pytestmark = pytest.mark.services

LETTERS = 2_000
LETTER = 40_000  # bytes; base64 makes 107 MB of all of them
MOST_GROWTH = 40  # MB: some chunks of 50 letters, in all their forms
EXPORTS = ["/api/dead-letters/export/", "/dead-letters/export/"]


@pytest.fixture(scope="module")
def web(module_site: Deployment) -> ProductProcess:
    """One web process with many large dead letters."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO topic (kafka_id, name) VALUES (gen_random_uuid(), 'raw')")
        cursor.execute(
            """INSERT INTO dead_letter (topic_id, partition, "offset", line, raw, reason, detail, pointer, stage, source_id,
                   received, first_seen, last_seen, attempts, fingerprint, state)
               SELECT topic.id, 0, n, 0, convert_to(repeat('x', %s), 'UTF8'), 'not_json', '', '', 'decode', '',
                   now(), now(), now(), 1, '', 'open' FROM topic, generate_series(1, %s) AS n""",
            [LETTER, LETTERS],
        )
    return module_site.start_web()


@pytest.fixture(scope="module")
def credentials(web: ProductProcess) -> str:
    """Headers of an operator: a key for the API, a session for the admin."""
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password=None))
    _, token = api_keys.create("operator", ["admin"])
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    return f"Authorization: Bearer {token}\r\nCookie: {settings.SESSION_COOKIE_NAME}={cookie}\r\n"


def open_stream(web: ProductProcess, path: str, credentials: str) -> socket.socket:
    """Ask for a stream and read its first bytes."""
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    stream.settimeout(20)
    stream.connect(("127.0.0.1", web.port))
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{credentials}\r\n".encode())
    assert stream.recv(4096).startswith(b"HTTP/1.1 200 ")
    return stream


@contextmanager
def broken_table() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dead_letter RENAME TO away")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE away RENAME TO dead_letter")


@pytest.mark.parametrize("path", EXPORTS)
def test_a_stream_that_fails_is_cut_off_within_a_second(web: ProductProcess, credentials: str, path: str) -> None:
    with open_stream(web, path, credentials) as stream, broken_table():
        began = time.monotonic()
        last = b"".join(iter(lambda: stream.recv(1 << 20), b""))[-5:]

    assert last != b"0\r\n\r\n"
    assert time.monotonic() - began < 1.0


def answer(web: ProductProcess, method: str, path: str, credentials: str) -> bytes:
    """Return a whole answer."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=20) as stream:
        stream.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{credentials}\r\n".encode()
        )
        return b"".join(iter(lambda: stream.recv(1 << 20), b""))


@pytest.mark.parametrize("path", EXPORTS)
def test_a_stream_that_fails_before_its_first_piece_is_answered(
    web: ProductProcess, credentials: str, path: str
) -> None:
    with broken_table():
        assert answer(web, "GET", path, credentials).startswith(b"HTTP/1.1 50")


def test_readers_give_way_to_what_stores_events(web: ProductProcess) -> None:
    assert psutil.Process(web.pid).nice() == psutil.Process().nice() + settings.DATAFLOW_WEB_NICE


@pytest.mark.parametrize("path", ["/api/", "/data", "/healthz", "/", "/nothing"])
def test_an_answer_says_its_length_in_one_way(web: ProductProcess, credentials: str, path: str) -> None:
    head, _, body = answer(web, "GET", path, credentials).partition(b"\r\n\r\n")

    headers = [line.lower().partition(b":") for line in head.split(b"\r\n")[1:]]
    lengths = [int(value) for name, _, value in headers if name == b"content-length"]
    assert len(lengths) + [name for name, *_ in headers].count(b"transfer-encoding") == 1, head
    assert lengths in ([], [len(body)])


@pytest.mark.parametrize("path", EXPORTS)
def test_head_of_a_stream_reads_nothing_of_it(web: ProductProcess, credentials: str, path: str) -> None:
    with broken_table():
        head = answer(web, "HEAD", path, credentials)

    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-length" not in head.lower()


@pytest.mark.parametrize("path", EXPORTS)
def test_a_slow_reader_costs_no_memory(web: ProductProcess, credentials: str, path: str) -> None:
    process = psutil.Process(web.pid)
    with open_stream(web, path, credentials) as stream:
        before = process.memory_info().rss
        pace = threading.Event()
        for _ in range(10):
            stream.recv(10_000)
            pace.wait(0.1)
        growth = process.memory_info().rss - before

    assert growth / 1e6 < MOST_GROWTH


def error_for(feed: ClientConnection, message: str) -> str:
    """Return the code of the error that answers a message."""
    feed.send(message)
    answers = (json.loads(feed.recv(timeout=5)) for _ in range(100))
    return str(next(answer for answer in answers if answer["type"] == "error")["code"])


def read_on(feed: ClientConnection) -> NoReturn:
    """Read until the connection is closed."""
    while True:
        feed.recv(timeout=5)


def test_the_live_feed_is_open_to_pages_of_this_site_alone(web: ProductProcess) -> None:
    address = f"ws://localhost:{web.port}/ws/live"
    no_session = {"Cookie": 'sessionid="' + r"\000" * 32 + '"'}
    with connect(address, origin=Origin(f"http://localhost:{web.port}"), additional_headers=no_session) as feed:
        assert json.loads(feed.recv(timeout=5))["type"] == "welcome"
        assert error_for(feed, "x" * 5_000) == "message_too_large"
        nul = {"type": "subscribe", "id": "1", "channel": "tail", "sourceId": "a\0b"}
        assert error_for(feed, json.dumps(nul)) == "invalid_filter"
        feed.send("x" * 100_000)
        with pytest.raises(ConnectionClosed, match="1009"):
            read_on(feed)

    for place, origin in [("/ws/live", "http://example.org"), ("/ws/other", f"http://localhost:{web.port}")]:
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"ws://localhost:{web.port}{place}", origin=Origin(origin))


HANDSHAKE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        ("GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n" + "X-N: 1\r\n" * 100 + "\r\n", 431),
        ("POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5242881\r\n\r\n", 413),
        (
            "POST /api/keys/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n500001\r\n"
            + "x" * 0x500001,
            413,
        ),
        ("GET /static/dashboard/icon.svg HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-0\r\n\r\n", 200),
        ("GET /static/a%00b HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        ("GET /?a=\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        # A handshake has the limits of any request, and is refused as HTTP where it is wrong.
        (f"GET /ws/live HTTP/1.1\r\nHost: localhost\r\n{HANDSHAKE}\r\n", 400),
        (f"GET /ws/live HTTP/1.1\r\nHost: example.org\r\n{HANDSHAKE}\r\n", 400),
        (f"GET /ws/live HTTP/1.1\r\nHost: localhost\r\n{HANDSHAKE}" + "X-N: 1\r\n" * 100 + "\r\n", 431),
    ],
)
def test_pages_have_the_limits_of_the_receivers(web: ProductProcess, wire: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as connection:
        connection.sendall(wire.encode("latin-1"))
        answer = connection.recv(65536)

    assert int(answer.split()[1]) == status, answer


def test_a_stop_ends_the_live_feed_and_the_receivers(web: ProductProcess) -> None:
    """Runs last: it stops the process."""
    before = len(web.log)
    assert post(web.url, event()).status == 202
    with connect(f"ws://localhost:{web.port}/ws/live", origin=Origin("http://localhost")) as feed:
        assert feed.recv(timeout=5)

        web.ask_to_stop()
        with pytest.raises(ConnectionClosed, match="1012"):
            read_on(feed)

    # uvicorn ends by the signal itself, once all is closed.
    assert web.stop(10) == -signal.SIGTERM
    assert web.log[before:] == ""
