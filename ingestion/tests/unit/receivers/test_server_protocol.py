"""What the ingest server answers over real sockets, with a Kafka that acknowledges at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ingestion.kafka.record_headers import traces
from ingestion.runtime import request_context
from ingestion.tests.bad_inputs import GOOD, ROWS, chunked, post
from ingestion.tests.client import Reply
from ingestion.tests.unit.receivers.kafka_stub import KafkaStub
from ingestion.tests.unit.receivers.wire import connect, talk

AFTER = 50  # requests after each refusal
PROBE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
THEIRS = b"X-Request-ID: theirs\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
# One sample of each way to refuse: before a head, in a head, after it, in a body, by an endpoint.
REFUSALS = [
    *("no HTTP", "two Hosts", "a NUL in a header", "101 headers", "an address of 20 KB", "a header of 100 KB"),
    *("a length and chunks", "a chunk size that is no number", "body declared over 5 MiB", "chunks over 5 MiB"),
    *("truncated", "no sourceId", "GET", "content type `text/plain`", "a key in the address", "gzip: a bomb"),
]
SLOW = ["a slow head", "a slow body", "slow chunks"]


def wire_of(kind: str) -> bytes:
    return next(row.wire for row in ROWS if row.kind == kind)


def request_id(reply: Reply) -> str:
    return str(reply.json["requestId"])


@pytest.mark.parametrize("kind", REFUSALS + SLOW)
async def test_a_refusal_leaves_nothing_to_the_requests_after_it(port: int, settings: Any, kind: str) -> None:
    settings.DATAFLOW_HEADER_SECONDS = settings.DATAFLOW_BODY_SECONDS = 0.05
    named = wire_of(kind).replace(b"Host:", THEIRS + b"Host:", 1)

    refusals = [*await talk(port, wire_of(kind)), *await talk(port, named)]
    settings.DATAFLOW_HEADER_SECONDS = settings.DATAFLOW_BODY_SECONDS = 5
    same = await talk(port, post(b"7") * AFTER, count=AFTER)
    bad = [(await talk(port, wire_of("no HTTP")))[0] for _ in range(3)]
    [good] = await talk(port, post(GOOD))

    assert len({request_id(reply) for reply in (*refusals, *same, *bad)}) == len(refusals) + AFTER + 3
    assert [reply.status for reply in same] == [422] * AFTER
    assert (good.status, "x-request-id" in good.headers) == (202, False)
    assert KafkaStub.context.run(request_context.named) == {}
    assert request_context.named() == {}


@pytest.mark.parametrize(
    ("address", "instance"),
    [
        ("/api/data/?limit=5", "/api/data/"),
        ("/write", "/write"),
        # Nothing of an address that is too long for an answer.
        ("/" + "a" * 9_000, "/"),
        ("/data?" + "a" * 9_000, "/data"),
    ],
)
async def test_a_refusal_names_the_address_that_was_asked_for(port: int, address: str, instance: str) -> None:
    [reply] = await talk(port, post(GOOD, "Host: localhost", path=address))

    assert reply.json["instance"] == instance


async def test_a_refusal_has_the_request_id_of_its_own_head(port: int) -> None:
    [reply] = await talk(port, post(GOOD, "X-Request-ID: order-66", "Host: localhost"))

    assert (reply.status, reply.headers["x-request-id"], request_id(reply)) == (400, "order-66", "order-66")


@pytest.mark.parametrize("first", [post, chunked])
@pytest.mark.parametrize("second", [post, chunked])
async def test_a_request_that_waited_for_another_has_nothing_of_its_head(
    port: int, first: Callable[[bytes], bytes], second: Callable[[bytes], bytes]
) -> None:
    named = first(GOOD).replace(b"Host:", THEIRS + b"Host:", 1)

    good, refusal, _ = await talk(port, named + second(b"7") + second(GOOD), count=3)

    assert good.headers["x-request-id"] == "theirs"
    assert request_id(refusal) != "theirs"
    assert [traces(headers) for headers in KafkaStub.headers] == [[THEIRS.split()[-1].decode()], []]


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("make", [post, chunked], ids=["length", "chunks"])
async def test_an_upgrade_that_is_offered_is_ignored(port: int, make: Any, size: int) -> None:
    socket = PROBE.replace(b"Host:", b"Upgrade: websocket\r\nConnection: upgrade\r\nHost:")
    wire = PROBE + make(GOOD, *UPGRADE) + socket * 3 + post(b"7")
    pieces = [wire[start : start + size] for start in range(0, len(wire), size)]

    replies = await talk(port, *pieces, count=6)

    assert [reply.status for reply in replies] == [200, 202, 200, 200, 200, 422]


async def test_a_head_that_offers_an_upgrade_has_the_same_limits(port: int) -> None:
    [many] = await talk(port, post(GOOD, *UPGRADE, *["X-N: 1"] * 97))
    [hosts] = await talk(port, post(GOOD, *UPGRADE, "Host: localhost"))
    [tunnel] = await talk(port, b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert [reply.code for reply in (many, hosts, tunnel)] == ["headers_too_large", "bad_request", "bad_request"]


async def test_a_probe_of_http_1_0_needs_no_host(port: int) -> None:
    [plain] = await talk(port, b"GET /healthz HTTP/1.0\r\n\r\n", count=2)
    [other] = await talk(port, b"GET /healthz HTTP/1.0\r\nHost: example.org\r\n\r\n", count=2)
    [newer] = await talk(port, b"GET /healthz HTTP/1.1\r\n\r\n", count=2)

    assert (plain.status, plain.json, plain.headers["connection"]) == (200, {"status": "alive"}, "close")
    assert (other.status, newer.status) == (400, 400)


@pytest.mark.parametrize("pieces", [[b"\r\n" + PROBE], [b"\r\n\r\n\n" + PROBE], [b"\r", b"\n", b"\r\n", PROBE]])
async def test_empty_lines_before_a_request_are_skipped(port: int, pieces: list[bytes]) -> None:
    first = await talk(port, *pieces)
    later = await talk(port, post(GOOD), *pieces, count=2)

    assert [reply.status for reply in (*first, *later)] == [200, 202, 200]


async def test_an_idle_connection_is_closed_after_the_time_of_the_setting_whatever_else_comes(
    port: int, settings: Any
) -> None:
    settings.DATAFLOW_KEEP_ALIVE_SECONDS = 0.2
    async with connect(port) as client:
        assert await client.ask(PROBE)
        client.writer.write(b"\r\n")  # as some clients send after a body; it is no request

        assert await client.reader.read() == b""


async def test_the_connections_that_were_idle_longest_make_room(port: int, settings: Any) -> None:
    settings.DATAFLOW_MAX_IDLE_CONNECTIONS = 2
    settings.DATAFLOW_KEEP_ALIVE_SECONDS = 75
    async with connect(port) as first, connect(port) as second, connect(port) as third, connect(port) as fourth:
        for client in (first, second, first):
            assert await client.ask(PROBE)
        second.writer.write(PROBE[:20])  # one whose request is on its way is not idle
        for client in (third, fourth):
            assert await client.ask(PROBE)

        assert await first.reader.read() == b""  # longer idle than the third
        assert await second.ask(PROBE[20:])
        assert await third.reader.read() == b""
        assert await fourth.ask(post(GOOD))
