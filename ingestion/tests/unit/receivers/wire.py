"""A client that writes bytes to a socket and reads HTTP answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ingestion.tests.client import Reply

PATIENCE = 10  # seconds


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, request: bytes) -> Reply | None:
        """Send a request and return its answer; None: the connection has ended."""
        self.writer.write(request)
        return await self.read()

    async def read(self) -> Reply | None:
        """Return the next answer; None: the connection has ended."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Reply(int(first.split(" ")[1]), headers, body)


class MemoryTransport(asyncio.Transport):
    """The server's end of a connection in memory, whose client reads at once."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self._written = asyncio.Event()

    @property
    def count(self) -> int:
        """Return the number of answers."""
        return self.sent.count(b"HTTP/1.1 ")

    async def wait_for(self, count: int) -> None:
        """Wait until there are so many answers."""
        while self.count < count:
            self._written.clear()
            await self._written.wait()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)
        self._written.set()

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Client]:
    """Open a connection for some seconds at most."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def talk(port: int, *pieces: bytes, count: int = 1) -> list[Reply]:
    """Write pieces one after the other on one connection, and return so many answers, or those before its end."""
    replies: list[Reply] = []
    async with connect(port) as client:
        for piece in pieces:
            client.writer.write(piece)
            with suppress(ConnectionError):
                await client.writer.drain()
            await asyncio.sleep(0.001)  # so that it arrives alone
        while len(replies) < count and (reply := await client.read()) is not None:
            replies.append(reply)
    return replies
