"""What one connection can hold of the ingest server: time, a place, and memory for requests and answers."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import pytest

from ingestion.http import idle_connections
from ingestion.tests.bad_inputs import GOOD, chunked, post
from ingestion.tests.unit.receivers.conftest import NewConnection
from ingestion.tests.unit.receivers.wire import MemoryTransport, connect

MIB = 1024 * 1024
PROBE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
BAD = post(b"7")
HEAD = b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
# Sent byte by byte or repeated without an end; none is a request.
INCOMPLETE = [
    *([b""], [b"\r\n"] * 90, [b"\n"] * 90, [b"\r"] * 90, [b"G"], [b"\r\n", *[b"G"] * 90]),
    *([b"X"] * 90, [HEAD], [HEAD, *[b"a: b\r\n"] * 90], [b"PO", b"ST", b" /", *[b"x"] * 90]),
    [HEAD + b"Content-Length: 1000\r\n\r\n", *[b" "] * 90],
    [HEAD + b"Content-Length: 1000\r\n\r\n", b""],
    [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 90],
    [HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", *[b"a: b\r\n"] * 90],
    [HEAD + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", *[b" "] * 90],
    [HEAD + b"Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 1000\r\n\r\n", *[b" "] * 90],
    [b"\x16\x03\x01\x02\x00" * 2, *[b"\x00"] * 90],
]


async def lifetime(port: int, pieces: Sequence[bytes], *, after: bytes) -> float:
    """Return the seconds for which the server kept a connection that sent a piece every 20 ms and then nothing."""
    async with connect(port) as client:
        start = asyncio.get_running_loop().time()
        if after:
            assert await client.ask(after)
        with suppress(ConnectionError):
            for piece in pieces:
                if client.reader.at_eof() or client.writer.is_closing():
                    break
                client.writer.write(piece)
                await asyncio.sleep(0.02)
            await client.reader.read()
        return asyncio.get_running_loop().time() - start


@pytest.mark.parametrize("after", [b"", PROBE, post(GOOD)], ids=["at first", "after a probe", "after a POST"])
async def test_no_bytes_without_a_whole_request_keep_a_connection_open(port: int, settings: Any, after: bytes) -> None:
    settings.DATAFLOW_HEADER_SECONDS = settings.DATAFLOW_BODY_SECONDS = settings.DATAFLOW_KEEP_ALIVE_SECONDS = 0.4

    kept = await asyncio.gather(*[lifetime(port, pieces, after=after) for pieces in INCOMPLETE])

    # A head and a body have 0.4 s each, the idle time before them too; the pieces alone would take 1.8 s.
    assert [round(seconds, 1) for seconds in kept if seconds > 1.7] == []


async def test_of_too_many_connections_without_a_head_the_oldest_is_closed(
    port: int, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATAFLOW_MAX_IDLE_CONNECTIONS = 3
    monkeypatch.setattr(idle_connections, "SHORTEST_WAIT", 0.0)
    async with connect(port) as silent, connect(port) as slow, connect(port) as refused, connect(port) as good:
        slow.writer.write(b"\r\nPOST")
        assert await good.ask(post(GOOD))  # is idle, and one of another number
        settings.DATAFLOW_OPEN_INGEST = False
        refused.writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")  # is answered before its body
        assert await refused.read()

        async with connect(port) as fourth, connect(port) as fifth:
            assert await silent.reader.read() == b""
            assert await slow.reader.read() == b""
            for client in (fourth, fifth, good):
                assert await client.ask(PROBE)


async def test_a_burst_of_connections_is_served(port: int, settings: Any) -> None:
    settings.DATAFLOW_MAX_IDLE_CONNECTIONS = 2
    async with connect(port) as first, connect(port) as second, connect(port) as third, connect(port) as fourth:
        replies = await asyncio.gather(*[client.ask(PROBE) for client in (first, second, third, fourth)])

    assert all(replies)


@pytest.mark.parametrize("make", [post, chunked], ids=["length", "chunks"])
async def test_requests_sent_in_one_piece_are_answered_in_their_order(
    port: int, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bodies = [GOOD, *[b"7"] * 250, GOOD, *[b"{}"] * 250]
    wire = b"".join([make(body, f"X-Request-ID: {number}") for number, body in enumerate(bodies)])

    async with connect(port) as client:
        client.writer.write(wire)
        replies = [reply for _ in bodies if (reply := await client.read())]
        assert await client.ask(PROBE)  # the connection goes on

    assert [reply.headers["x-request-id"] for reply in replies] == [str(number) for number in range(len(bodies))]
    assert replies[0].status == 202
    assert {reply.status for reply in replies} <= {202, 422, 503}
    assert {reply.headers.get("retry-after") for reply in replies if reply.status == 503} <= {"1"}
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


class Unread:
    """A server and a client that sends and does not read, with small buffers between them."""

    def __init__(self, new_connection: NewConnection) -> None:
        self.protocols: list[Any] = []
        self.client = socket.socket()
        self._new = new_connection
        self._listening = socket.create_server(("127.0.0.1", 0))

    async def __aenter__(self) -> Unread:
        loop = asyncio.get_running_loop()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.client.settimeout(0)
        self._server = await loop.create_server(self._create, sock=self._listening)
        await loop.sock_connect(self.client, self._listening.getsockname())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.close()
        self._server.close()

    def _create(self) -> asyncio.Protocol:
        self.protocols.append(self._new())
        return cast("asyncio.Protocol", self.protocols[-1])

    async def read(self) -> bytes:
        """Return what comes within a second of silence."""
        found = b""
        with suppress(TimeoutError, ConnectionError):
            while piece := await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.client, 65536), 1):
                found += piece
        return found


async def test_the_answers_that_nobody_reads_are_bounded_and_end_the_connection(
    new_connection: NewConnection, settings: Any
) -> None:
    settings.DATAFLOW_WRITE_SECONDS = 1.0
    async with Unread(new_connection) as unread:
        flood = asyncio.create_task(asyncio.get_running_loop().sock_sendall(unread.client, BAD * 4_000))
        waiting = []
        async with asyncio.timeout(10):
            while not unread.protocols or not unread.protocols[0].transport.is_closing():
                await asyncio.sleep(0.01)
                waiting += [one.transport.get_write_buffer_size() for one in unread.protocols]
        flood.cancel()

    assert max(waiting) < 0.25 * MIB  # of 2 MiB


async def test_a_client_that_reads_late_gets_an_answer_to_each_request(new_connection: NewConnection) -> None:
    async with Unread(new_connection) as unread:
        flood = asyncio.create_task(asyncio.get_running_loop().sock_sendall(unread.client, BAD * 1_000))
        await asyncio.sleep(0.2)
        answers = await unread.read()
        await flood

    statuses = re.findall(rb"HTTP/1.1 (\d+)", answers)
    assert (len(statuses), set(statuses) <= {b"422", b"503"}) == (1_000, True)


async def test_costly_requests_of_one_connection_leave_others_their_turn(new_connection: NewConnection) -> None:
    transports = greedy, modest = MemoryTransport(), MemoryTransport()
    protocols = [new_connection() for _ in transports]
    for protocol, transport in zip(protocols, transports, strict=True):
        protocol.connection_made(transport)

    protocols[0].data_received(post(b"[" + b",".join([b"{}"] * 500) + b"]") * 40)
    protocols[1].data_received(BAD)
    before = greedy.count
    async with asyncio.timeout(10):
        await modest.wait_for(1)
        await greedy.wait_for(40)
    for protocol in protocols:
        protocol.connection_lost(None)

    assert before < 10
