"""Measures pages for many clients at once, each on a connection of its own."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import uvloop

from deploy.bench.queries.client import Costs, Seen
from deploy.bench.queries.deployment import Filled
from deploy.bench.queries.lines import Limit, Line, quantiles
from deploy.bench.queries.questions import QUESTIONS
from deploy.local import ports

CLIENTS = 32
KEYS = 4  # of as many readers, since one may have two requests running and sixteen waiting
SECONDS = 10.0
WARM = 1.0  # seconds before, which do not count
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(slots=True)
class Crowd:
    """What clients do in turn: the paths that they share, and the answers that they got."""

    paths: Iterator[str]
    tokens: Sequence[str]
    ports: Sequence[int]  # of the web processes, which as many clients each are connected to
    seen: Seen = field(default_factory=Seen)

    async def ask(self, *, clients: int, until: float) -> None:
        """Let so many clients ask until a moment of time.monotonic()."""
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                port = self.ports[number // len(self.tokens) % len(self.ports)]
                group.create_task(self._one(self.tokens[number % len(self.tokens)], port, until))

    async def _one(self, token: str, port: int, until: float) -> None:
        reader, writer = await asyncio.open_connection(ports.HOST, port)
        while (began := time.monotonic()) < until:
            head = f"GET {next(self.paths)} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            await _read_body(reader, answer)
            self.seen.seconds.append(time.monotonic() - began)
            self.seen.statuses[int(answer[9:12])] += 1
        writer.close()


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> None:
    if not _CHUNKED.search(head):
        found = _LENGTH.search(head)
        await reader.readexactly(int(found[1]) if found else 0)
        return
    # Each chunk has its size on a line before it and an empty line behind it.
    size = -1
    while size:
        size = int(await reader.readline(), base=16)
        await reader.readexactly(size + 2)


def measure(filled: Filled) -> Iterator[Line]:
    """Let 32 clients read pages of one source each: of one web process, and of two, since one is at work on one core."""
    tokens = [filled.stack.create_key("--scope", "read") for _ in range(KEYS)]
    first = filled.stack.web_port
    yield _measured(filled, tokens, [first])
    second = filled.stack.start_another_web()
    try:
        yield _measured(filled, tokens, [first, second], Limit("requests/s", least=300))
    finally:
        filled.stack.stop_another_web()


def _measured(filled: Filled, tokens: Sequence[str], web_ports: Sequence[int], *limits: Limit) -> Line:
    paths = QUESTIONS["source"].paths(filled)
    _ask(Crowd(paths, tokens, web_ports), WARM)
    crowd = Crowd(paths, tokens, web_ports)
    with Costs(filled.stack) as costs:
        _ask(crowd, SECONDS)
    seen = crowd.seen
    values = {
        "requests/s": seen.statuses[200] / SECONDS,
        **quantiles(seen.seconds),
        "ms slowest": max(seen.seconds) * 1000,
    }
    name = f"`GET /data` at {CLIENTS} clients of {KEYS} keys at once, web processes: {len(web_ports)}"
    limits = (*limits, Limit("ms slowest", most=1_000))
    is_served = set(seen.statuses) == {200}
    return Line(name, seen.in_words(), values, costs.each(len(seen.seconds)), limits, is_served)


def _ask(crowd: Crowd, seconds: float) -> None:
    uvloop.run(crowd.ask(clients=CLIENTS, until=time.monotonic() + seconds))
