"""Most requests are answered without a task; a client can't tell which."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any
from urllib.parse import urlsplit

import pytest

from ingestion.tests.bad_inputs import GOOD, chunked, post
from ingestion.tests.client import event, numbered
from ingestion.tests.conftest import Receiver
from ingestion.tests.services.receivers.test_bad_inputs import exchange
from ingestion.tests.topic import events

pytestmark = pytest.mark.services

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connect(receiver: Receiver) -> socket.socket:
    address = urlsplit(receiver.url)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, str], Any]]:
    """Read so many answers: status, headers, JSON."""
    stream = connection.makefile("rb")
    found = []
    for _ in range(count):
        status = int(stream.readline().split()[1])
        headers = {}
        while (line := stream.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        found.append((status, headers, json.loads(stream.read(int(headers["content-length"])))))
    return found


def named(name: str, n: int = 0) -> bytes:
    return json.dumps(event(name, payload={"n": n})).encode()


def test_requests_of_both_ways_are_answered_in_the_order_they_came(receiver: Receiver) -> None:
    wire = b"".join(
        [
            post(named("order", 0)),
            GET,
            chunked(named("order", 1)),
            post(b"{}"),
            post(named("order", 2)),
            post(named("order", 3), "Idempotency-Key: order"),
            post(named("order", 4)),
            GET,
        ]
    )
    with connect(receiver) as connection:
        connection.sendall(wire)
        found = answers(connection, 8)

    assert [status for status, _, _ in found] == [202, 200, 202, 422, 202, 202, 202, 200]
    assert [line["payload"]["n"] for line in events(receiver.topic) if line["source"] == "order"] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        b"[]",
        b"[%b,{}]" % GOOD,
        b"[{},{}]",
        b"{",
        b"\xff",
        b"null",
        b'{"sourceId":"bad-input"}',
        json.dumps(numbered(1001)).encode(),
    ],
    ids=["one", "none", "some", "nothing good", "not JSON", "not UTF-8", "null", "half", "too many"],
)
def test_a_body_is_answered_alike_whether_its_length_is_declared_or_not(receiver: Receiver, body: bytes) -> None:
    def said(wire: bytes) -> tuple[bytes, Any]:
        head, _, text = exchange(receiver.url, wire).partition(b"\r\n\r\n")
        names = b",".join(sorted(line.partition(b":")[0] for line in head.split(b"\r\n")[1:]))
        return head.partition(b"\r\n")[0] + names, {**json.loads(text), "receivedAt": "", "requestId": ""}

    assert said(post(body)) == said(chunked(body))


def test_a_body_in_many_pieces_is_whole_in_the_end(receiver: Receiver) -> None:
    body = json.dumps(numbered(1000, "pieces")).encode()
    wire = post(body)
    with connect(receiver) as connection:
        for start in range(0, len(wire), 10_000):
            connection.sendall(wire[start : start + 10_000])
        [(status, _, reply)] = answers(connection, 1)

    assert (status, reply["accepted"]) == (202, 1000)


@pytest.mark.parametrize(
    "wire",
    [post(GOOD, "Connection: close"), post(GOOD, "Connection: Keep-Alive").replace(b"HTTP/1.1", b"HTTP/1.0")],
    ids=["close", "HTTP/1.0"],
)
def test_a_connection_that_is_not_to_be_kept_is_closed_after_the_answer(receiver: Receiver, wire: bytes) -> None:
    with connect(receiver) as connection:
        connection.sendall(wire + post(named("after-close")))
        [(status, headers, _)] = answers(connection, 1)
        assert connection.recv(1) == b""

    assert (status, headers["connection"]) == (202, "close")
    assert [line for line in events(receiver.topic) if line["source"] == "after-close"] == []


def test_a_client_that_sends_every_few_seconds_finds_its_connection_open(receiver: Receiver) -> None:
    with connect(receiver) as connection:
        connection.sendall(post(GOOD))
        answers(connection, 1)
        connection.settimeout(6)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        connection.sendall(post(GOOD))
        answers(connection, 1)


def test_a_client_that_hangs_up_before_its_answer_is_no_error(receiver: Receiver) -> None:
    for n in range(20):
        with connect(receiver) as connection:
            connection.sendall(post(named("gone", n)))

    receiver.site.wait_for(lambda: len([line for line in events(receiver.topic) if line["source"] == "gone"]) == 20, 10)
    assert "ERROR" not in receiver.site.logs()


def test_what_goes_wrong_behind_a_request_waits_for_its_answer(receiver: Receiver) -> None:
    ready = GET.replace(b"healthz", b"readyz")
    with connect(receiver) as connection:
        connection.sendall(ready + post(named("behind")) + b"garbage\r\n\r\n")
        [(status, headers, _)] = answers(connection, 1)
        assert connection.recv(1) == b""

    assert (status, headers["connection"]) == (200, "close")
    assert "ERROR" not in receiver.site.logs()


def test_a_client_that_hangs_up_on_several_requests_is_no_error(receiver: Receiver) -> None:
    ready = GET.replace(b"healthz", b"readyz")
    for number in range(50):
        with connect(receiver) as connection:
            connection.sendall(ready + ready + b"garbage\r\n\r\n" * (number % 2))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    receiver.site.wait_for(lambda: exchange(receiver.url, GET).startswith(b"HTTP/1.1 200"), 10)
    assert "ERROR" not in receiver.site.logs()
