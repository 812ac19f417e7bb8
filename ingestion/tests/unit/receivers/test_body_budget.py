"""The bytes of bodies on their way are bounded for each key and for the process, and given back however a request ends."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ingestion.auth.api_keys import ANYONE
from ingestion.auth.authenticator import Authenticator
from ingestion.http.bodies.body_budget import CONNECTION_BYTES, body_budget
from ingestion.tests.bad_inputs import GOOD, post
from ingestion.tests.client import Reply
from ingestion.tests.unit.receivers.wire import Client, connect

KIB = 1024
BODY = GOOD + b" " * (300 * KIB)
HEAD = b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
PIECE = b"%x\r\n%b\r\n" % (KIB, b" " * KIB)


@pytest.fixture(autouse=True)
def small(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATAFLOW_MAX_BODY_BYTES = 400 * KIB
    settings.DATAFLOW_KEY_BODY_BUDGET_BYTES = 1_000 * KIB
    settings.DATAFLOW_BODY_BUDGET_BYTES = 1_500 * KIB
    settings.DATAFLOW_BODY_SECONDS = 5

    def recall(_: Authenticator, head: Mapping[bytes, bytes], _scope: str) -> Any:
        return type(ANYONE)(head.get(b"x-api-key", b"").decode(), ANYONE.scopes, None, "", None), None

    monkeypatch.setattr(Authenticator, "recall", recall)


def with_length(key: str = "", *more: str) -> bytes:
    """A request whose last ten bytes are missing."""
    return post(BODY, f"X-API-Key: {key}", *more)[:-10]


def in_chunks(key: str = "", *more: str) -> bytes:
    """A request of 300 KiB and no end."""
    head = b"".join([HEAD, *[line.encode() + b"\r\n" for line in (f"X-API-Key: {key}", *more)]])
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + PIECE * 300


MAKES: dict[str, Any] = {
    "length": with_length,
    "chunks": in_chunks,
    "through the application": lambda key="": with_length(key, 'Idempotency-Key: "a"'),
    "line protocol": lambda key="": with_length(key).replace(b"/ingest", b"/api/v2/write", 1),
}


async def answered(client: Client) -> Reply | None:
    """Return the answer that comes at once; None: there is none."""
    try:
        return await asyncio.wait_for(client.read(), 0.5)
    except TimeoutError:
        return None


async def until(predicate: Callable[[], bool]) -> None:
    """Wait for some seconds at most."""
    async with asyncio.timeout(5):
        while not predicate():  # noqa: ASYNC110 - what is awaited is no event
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("kind", MAKES)
async def test_a_key_whose_bodies_are_on_their_way_is_refused_early_and_its_neighbour_is_not(
    port: int, kind: str
) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(port)) for _ in range(5)]
        for client in clients[:3]:
            client.writer.write(MAKES[kind]("mine"))
            assert await answered(client) is None
        clients[3].writer.write(MAKES[kind]("mine"))
        refused = await answered(clients[3])
        clients[4].writer.write(MAKES[kind]("theirs"))
        assert await answered(clients[4]) is None
        own = await stack.enter_async_context(connect(port))
        small = await own.ask(post(GOOD, "X-API-Key: mine"))

    assert refused is not None
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert kind == "line protocol" or refused.code == "too_much_unfinished"
    assert small is not None
    assert small.status == 202  # in one piece: nothing waits


async def test_the_process_has_a_budget_over_all_keys(port: int) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(port)) for _ in range(5)]
        for number, client in enumerate(clients):
            client.writer.write(with_length(f"key-{number}"))
        replies = [await answered(client) for client in clients]

    assert [reply and (reply.status, reply.code) for reply in replies] == [*[None] * 4, (503, "overloaded")]


async def test_what_gzip_unpacks_to_is_counted(port: int) -> None:
    packed = gzip.compress(b" " * 350 * KIB)
    packed += gzip.compress(b" " * 10 * KIB)
    wire = HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(packed), packed)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(port)) for _ in range(3)]
        for client in clients:
            client.writer.write(wire)
        replies = [await answered(client) for client in clients]

    assert [reply and reply.code for reply in replies] == [None, None, "too_much_unfinished"]


async def test_many_small_bodies_without_an_end_are_bounded_too(port: int, settings: Any) -> None:
    settings.DATAFLOW_KEY_BODY_BUDGET_BYTES = 4 * CONNECTION_BYTES
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(port)) for _ in range(5)]
        for client in clients:
            client.writer.write(post(GOOD)[:-1])
        replies = [await answered(client) for client in clients]

    assert [reply and reply.status for reply in replies] == [None, None, None, 429, 429]


@pytest.mark.parametrize("end", ["whole", "refused", "gone", "too late", "not HTTP", "too large"])
@pytest.mark.parametrize("kind", MAKES)
async def test_a_request_gives_its_bytes_back_however_it_ends(port: int, settings: Any, kind: str, end: str) -> None:
    settings.DATAFLOW_BODY_SECONDS = 0.3 if end == "too late" else 5
    settings.DATAFLOW_KEY_BODY_BUDGET_BYTES = 100 * KIB if end == "refused" else 1_000 * KIB
    is_chunked = kind == "chunks"
    async with connect(port) as client:
        client.writer.write(MAKES[kind]("mine"))
        if end != "refused":
            await until(lambda: body_budget().bytes > 0)
        if end == "whole":
            client.writer.write(b"0\r\n\r\n" if is_chunked else b" " * 10)
        if end in {"not HTTP", "too large"}:
            client.writer.write(PIECE * 200 if end == "too large" else b"zz\r\n" * 5)
        if end == "gone":
            client.writer.transport.abort()
        if end == "refused":
            assert await answered(client)
        await until(lambda: not body_budget().bytes)

    assert dict(body_budget()._of_key) == {}
