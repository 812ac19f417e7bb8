"""What stands around a body has the limit of headers: trailers, chunk sizes and extensions, also after the answer."""

from __future__ import annotations

import asyncio
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest

from ingestion.tests.bad_inputs import GOOD, chunked, post
from ingestion.tests.unit.receivers.wire import Client, connect, talk

MIB = 1024 * 1024
CHUNKED = (
    b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)
# Endless, one piece after the other.
FLOODS = {
    "trailers": (b"0\r\n", b"T: %b\r\n" % (b"x" * 1_000) * 64),
    "short trailers": (b"0\r\n", b"a:\r\n" * 16_000),
    "one trailer": (b"0\r\nT: ", b"x" * 64_000),
    "one chunk extension": (b"1;", b"x" * 64_000),
    "chunk extensions": (b"", b"1;%b\r\n \r\n" % (b"x" * 1_000) * 64),
    "a chunk size of zeros": (b"", b"0" * 64_000),
}


async def flood(client: Client, piece: bytes) -> int:
    """Send a piece again and again; return the bytes that were sent until the server closed the connection."""
    sent = 0
    with suppress(ConnectionError):
        while sent < 32 * MIB and not client.writer.is_closing():
            client.writer.write(piece)
            await client.writer.drain()
            sent += len(piece)
    return sent


@pytest.mark.parametrize("is_answered", [False, True], ids=["before the answer", "after the answer"])
@pytest.mark.parametrize("kind", FLOODS)
async def test_what_stands_around_a_body_is_bounded_like_headers(
    port: int, settings: Any, kind: str, is_answered: bool
) -> None:
    settings.DATAFLOW_OPEN_INGEST = not is_answered
    start, piece = FLOODS[kind]
    async with connect(port) as client:
        client.writer.write(CHUNKED)
        if is_answered:
            reply = await client.read()
            assert reply is not None
            assert reply.status == 401
        client.writer.write(start)
        tracemalloc.start()
        sent = await flood(client, piece)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert sent < 16 * MIB  # what fits into the sockets' buffers
    assert peak < 8 * MIB


async def test_trailers_over_the_limit_are_refused_with_the_code_of_headers(port: int) -> None:
    [reply] = await talk(port, chunked(GOOD)[:-2] + b"T: %b\r\n" % (b"x" * 1_000) * 17 + b"\r\n")

    assert (reply.status, reply.code) == (431, "headers_too_large")


async def test_trailers_and_small_chunks_within_the_limit_are_read(port: int) -> None:
    trailers = b"Digest: x\r\nSignature: %b\r\n\r\n" % (b"s" * 4_000)
    signed = CHUNKED + b"".join([b"1;a=b\r\n%c\r\n" % byte for byte in GOOD]) + b"0\r\n\r\n"

    replies = await talk(port, chunked(GOOD)[:-2] + trailers + signed + post(GOOD), count=3)

    assert [reply.status for reply in replies] == [202, 202, 202]


async def test_a_head_of_many_short_headers_is_refused_before_its_end(port: int) -> None:
    async with connect(port) as client:
        assert await client.ask(post(GOOD))
        client.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a:\r\n" * 20_000)  # and no end
        reply = await asyncio.wait_for(client.read(), 5)

    assert reply is not None
    assert (reply.status, reply.code) == (431, "headers_too_large")
