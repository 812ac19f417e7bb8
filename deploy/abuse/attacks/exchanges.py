"""Requests on raw connections, since no client library sends what an attacker sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from deploy.abuse.target import HOST

PATIENCE = 15.0  # seconds for one answer
JSON = "application/json"

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def opened(port: int) -> AsyncIterator[Wire]:
    """Open a connection for the length of a block; it is aborted then.

    :raises OSError: nobody listens
    """
    reader, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port), PATIENCE)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """Return the head of a request, with its empty line."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


def post(body: bytes, key: str, *, path: str = "/ingest", kind: str = JSON, encoding: str = "") -> bytes:
    """Return a whole POST."""
    headers = {"Host": "localhost", "Content-Type": kind, "Content-Length": str(len(body))}
    headers |= {"Content-Encoding": encoding} if encoding else {}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    return head("POST", path, headers) + body


def get(path: str, *, key: str = "", cookies: str = "", host: str = "localhost") -> bytes:
    """Return a whole GET."""
    headers = {"Host": host}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    headers |= {"Cookie": cookies} if cookies else {}
    return head("GET", path, headers)


async def ask(port: int, wire: bytes) -> int:
    """Send a request on a connection of its own; return the status, or 0 if none came."""
    with suppress(OSError, TimeoutError):
        async with opened(port) as (reader, writer):
            writer.write(wire)
            line = await asyncio.wait_for(reader.readline(), PATIENCE)
            return int(line[9:12] or 0)
    return 0


async def ask_until(until: float, port: int, wires: list[bytes], *, at_once: int) -> None:
    """Send requests in turn, `at_once` at a time, until a time on the loop's clock."""
    loop, number = asyncio.get_running_loop(), 0

    async def keep_asking() -> None:
        nonlocal number
        while loop.time() < until:
            number += 1
            if not await ask(port, wires[number % len(wires)]):
                await asyncio.sleep(0.05)  # refused at the connection: no loop without a pause

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(keep_asking())


async def rest_until(until: float) -> None:
    """Wait until a time on the loop's clock."""
    await asyncio.sleep(max(0.0, until - asyncio.get_running_loop().time()))
