"""One client of the live feed sends as much as it can; its neighbours notice nothing."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from dashboard.live.socket_limits import CloseCode
from deploy.testing.deployment import Deployment, ProductProcess

pytestmark = pytest.mark.services

SECONDS = 3.0  # of each flood
TRIES = 3
SLOWEST = 1.0  # seconds, on a machine that also runs the flood and other tests; it was 8.6 for /healthz
MOST_GROWTH = 60.0  # MB; it was 137 to 200
# First bytes of frames: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
TEXT, CLOSE, PING = 0x81, 0x88, 0x89
SOON = 4.0  # seconds; the server waits 10 for a client that does not answer its close frame


def masked(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame of less than 64 KiB, with a mask of zeros."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
    return bytes([opcode]) + length + b"\0\0\0\0" + payload


SUBSCRIBE = json.dumps({"type": "subscribe", "id": "1", "channel": "series", "sourceId": "a"}).encode()
FLOODS = {
    "wrong messages": masked(TEXT, b"x"),
    "subscribes": masked(TEXT, SUBSCRIBE),
    "pings": masked(PING, b"x" * 100),
}


def open_socket(port: int) -> socket.socket:
    """Open a socket to the live feed that nobody reads from."""
    made = socket.create_connection(("127.0.0.1", port), timeout=2)
    key = base64.b64encode(os.urandom(16)).decode()
    made.sendall(
        f"GET /ws/live HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    assert b" 101 " in made.recv(1024)
    return made


def flood(port: int, frame: bytes, is_over: threading.Event) -> None:
    """Send the frame over and over, on a new socket whenever one is closed."""
    many = frame * 5_000
    while not is_over.is_set():
        try:
            with open_socket(port) as victim:
                victim.settimeout(0.5)
                while not is_over.is_set():
                    victim.sendall(many)
        except (OSError, AssertionError):
            is_over.wait(0.05)


@contextmanager
def running(work: Callable[[threading.Event], None], *, threads: int) -> Iterator[None]:
    """Run work in threads, which end when their event is set."""
    is_over = threading.Event()
    workers = [threading.Thread(target=work, args=(is_over,), daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        is_over.set()
        for worker in workers:
            worker.join(10)


def slowest_health(port: int, until: float) -> float:
    """Ask for the health over and over; return the seconds of the slowest answer."""
    slowest = 0.0
    while time.monotonic() < until:
        began = time.monotonic()
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        asked.request("GET", "/healthz")
        assert asked.getresponse().status == 200
        asked.close()
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def longest_silence(port: int, until: float) -> float:
    """Watch the live feed; return the longest time between two messages, of which each second has one."""
    longest, heard = 0.0, time.monotonic()
    with connect(f"ws://localhost:{port}/ws/live", origin=Origin("http://localhost")) as feed:
        while time.monotonic() < until:
            message = json.loads(feed.recv(timeout=30))
            longest, heard = max(longest, time.monotonic() - heard), time.monotonic()
            if message["type"] == "frame":
                feed.send(json.dumps({"type": "ack", "seq": message["seq"]}))
    return longest


@pytest.fixture(scope="module")
def web(module_site: Deployment) -> ProductProcess:
    return module_site.start_web()


def neighbours_waits(web: ProductProcess, frame: bytes) -> tuple[float, float]:
    """Return how long the health check and another viewer waited at most while the frame came without a pause."""
    silences: list[float] = []
    with running(lambda is_over: flood(web.port, frame, is_over), threads=2):
        until = time.monotonic() + SECONDS
        viewer = threading.Thread(target=lambda: silences.append(longest_silence(web.port, until)), daemon=True)
        viewer.start()
        slowest = slowest_health(web.port, until)
        viewer.join(30)
    assert silences
    return slowest, silences[0]


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_on_one_socket_slows_down_no_neighbour(web: ProductProcess, kind: str) -> None:
    process = psutil.Process(web.pid)
    slowest_health(web.port, time.monotonic() + 0.5)
    before = process.memory_info().rss

    # Other tests may take the processors for a second, but not each time.
    for _ in range(TRIES):
        slowest, silence = neighbours_waits(web, FLOODS[kind])
        if slowest < SLOWEST and silence < 1.0 + 2 * SLOWEST:
            break
    else:
        pytest.fail(f"in every try health waited {slowest:.1f} s, the viewer {silence:.1f} s")

    assert (process.memory_info().rss - before) / 1e6 < MOST_GROWTH


@pytest.mark.parametrize("before", [0, 5_000, 30_000])
@pytest.mark.parametrize("after", [0, 5_000, 30_000])
def test_a_socket_that_was_closed_for_wrong_messages_ends_soon_whatever_else_was_sent(
    web: ProductProcess, before: int, after: int
) -> None:
    with open_socket(web.port) as client:
        client.settimeout(2 * SOON)
        client.sendall(masked(TEXT, b"x") * 20 + masked(TEXT, b"x" * before))
        heard = b""
        close_frame = bytes([CLOSE, 2]) + CloseCode.TOO_MANY_FAULTS.to_bytes(2)
        while close_frame not in heard:
            heard += client.recv(65536)

        client.sendall(masked(TEXT, b"x" * after) + masked(CLOSE, CloseCode.TOO_MANY_FAULTS.to_bytes(2)))
        began = time.monotonic()
        while client.recv(65536):
            pass

        assert time.monotonic() - began < SOON
