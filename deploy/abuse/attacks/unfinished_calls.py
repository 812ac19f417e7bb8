"""gRPC messages of which the last byte never comes, which no client library sends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from deploy.abuse.attacks import exchanges
from deploy.abuse.target import HOST, Target
from deploy.bench.load import http2

METHOD = "/dataflow.ingest.v1.Ingestion/IngestBatch"
CONNECTIONS = 4
CALLS = 50  # a connection
MESSAGE = b"x" * (5 * 1024 * 1024 - 1)


async def unfinished_messages(target: Target, until: float) -> None:
    """200 calls of one key, each a byte short of 5 MiB, and again as soon as they are refused."""
    while asyncio.get_running_loop().time() < until:
        with suppress(OSError, TimeoutError):
            async with opened(target.grpc, target.free_key) as connections, asyncio.timeout_at(until):
                await asyncio.gather(*[connection.all_ended.wait() for connection in connections])
        await asyncio.sleep(0.2)


@asynccontextmanager
async def opened(port: int, token: str) -> AsyncIterator[list[UnfinishedCalls]]:
    """Open the connections and their calls for the length of a block."""
    loop = asyncio.get_running_loop()
    opening = [loop.create_connection(lambda: UnfinishedCalls(token), HOST, port) for _ in range(CONNECTIONS)]
    opened = await asyncio.wait_for(asyncio.gather(*opening), exchanges.PATIENCE)
    try:
        yield [connection for _, connection in opened]
    finally:
        for transport, _ in opened:
            transport.abort()


class UnfinishedCalls(http2.Connection):
    """One connection with CALLS calls."""

    def __init__(self, token: str) -> None:
        self.all_ended = asyncio.Event()
        super().__init__(self.all_ended.set)
        self._token = token
        self._open = CALLS

    def opened(self) -> None:
        for _ in range(CALLS):
            self.send(self.call(METHOD, token=self._token), MESSAGE, last=False, missing=1)

    def ended(self, call: int) -> None:
        # What is left of its message can't be sent, and would stand before the others.
        self._waiting = deque(frame for frame in self._waiting if frame[0] != call)
        self._open -= 1
        if not self._open:
            self.all_ended.set()
