"""The load generator: keep-alive connections that send prebuilt requests and measure the time of the responses.

It shares the cores with what it measures, so it parses no more of an answer than its end, and says what it cost.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

ACCEPTED = 202
PATIENCE = 120.0  # seconds for a whole run until it counts as stuck


class LoadFailed(Exception):
    """Not every request was accepted, so the figure is meaningless. The text says what the responses were."""


@dataclass(slots=True)
class Answers:
    """The responses; the arrays are indexed by the number of the request."""

    sent_at: array[float]  # seconds since the epoch, as the next
    answered_at: array[float]
    statuses: Counter[int] = field(default_factory=Counter)
    cpu: float = 0.0  # seconds that the load generator itself used

    @property
    def started(self) -> float:
        """Return when the first request was sent."""
        return min(self.sent_at)

    @property
    def seconds(self) -> float:
        """Return the time from the first request to the last response."""
        return max(self.answered_at) - self.started

    @property
    def rate(self) -> float:
        """Requests answered a second."""
        return len(self.sent_at) / self.seconds

    @property
    def latencies(self) -> list[float]:
        """Seconds from request to answer, sorted."""
        return sorted(end - begin for begin, end in zip(self.sent_at, self.answered_at, strict=True))


def send(requests: Sequence[bytes], *, port: int, connections: int, rate: float | None = None) -> Answers:
    """Send every request once: as fast as the responses arrive, or `rate` of them a second.

    :raises LoadFailed: something else than 202 came back, or nothing
    """
    blank = bytes(8 * len(requests))
    answers = Answers(sent_at=array("d", blank), answered_at=array("d", blank))
    cpu = time.thread_time()
    try:
        uvloop.run(asyncio.wait_for(_Run(requests, answers).run(port, connections, rate), PATIENCE))
    except TimeoutError:
        raise LoadFailed(f"the answers stopped after {sum(answers.statuses.values())} requests") from None
    answers.cpu = time.thread_time() - cpu
    if answers.statuses != {ACCEPTED: len(requests)}:
        raise LoadFailed(f"expected {len(requests)} times 202, got {dict(answers.statuses)}")
    return answers


class _Run:
    """One pass over the requests: each connection sends the next one when it is free."""

    def __init__(self, requests: Sequence[bytes], answers: Answers) -> None:
        self._requests = requests
        self._answers = answers
        self._next = 0
        self._released = 0  # requests that may be sent by now
        self._idle: deque[_Connection] = deque()
        self._missing = len(requests)
        self._done: asyncio.Future[None] | None = None

    async def run(self, port: int, connections: int, rate: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        opened = [
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", port) for _ in range(connections)
        ]
        pacer = loop.create_task(self._pace(rate))
        try:
            await self._done
        finally:
            pacer.cancel()
            for transport, _ in opened:
                transport.close()

    async def _pace(self, rate: float | None) -> None:
        if rate is None:
            self._release(len(self._requests))
            return
        start = time.perf_counter()
        while self._released < len(self._requests):
            self._release(min(len(self._requests), 1 + int((time.perf_counter() - start) * rate)))
            await asyncio.sleep(0.002)

    def _release(self, until: int) -> None:
        self._released = until
        while self._idle and self._next < self._released:
            self.give_next(self._idle.popleft())

    def give_next(self, connection: _Connection) -> None:
        if self._next >= self._released:
            self._idle.append(connection)
            return
        number = self._next
        self._next += 1
        self._answers.sent_at[number] = time.time()
        connection.send(number, self._requests[number])

    def answered(self, connection: _Connection, number: int, status: int) -> None:
        self._answers.answered_at[number] = time.time()
        self._answers.statuses[status] += 1
        self._missing -= 1
        if self._missing:
            self.give_next(connection)
        elif self._done and not self._done.done():
            self._done.set_result(None)

    def lost(self) -> None:
        if self._missing and self._done and not self._done.done():
            self._done.set_exception(LoadFailed("the server closed a connection in the middle of the run"))


class _Connection(asyncio.Protocol):
    """One connection with one request on its way."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._number = 0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._run.give_next(self)

    def send(self, number: int, request: bytes) -> None:
        self._number = number
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if _is_whole(self._buffer):
            status = int(self._buffer[9:12])
            self._buffer = b""
            self._run.answered(self, self._number, status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.lost()


def _is_whole(answer: bytes) -> bool:
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return False
    begin = answer.lower().find(b"content-length:", 0, head)
    if begin < 0:
        raise LoadFailed(f"an answer without a length: {answer[:200]!r}")
    length = int(answer[begin + 15 : answer.find(b"\r\n", begin)])
    return len(answer) >= head + 4 + length
