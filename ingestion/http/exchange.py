"""One request and its response on a connection, as the server's protocol uses it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ingestion.http.response import CLOSE, Response, serialize
from ingestion.problems import Header


class Connection(Protocol):
    """The part of a connection that its exchanges use."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def default_headers(self) -> list[Header]:
        """Return the headers that the server adds to every response."""

    def pause_reading(self) -> None:
        """Stop reading from the client."""

    def resume_reading(self) -> None:
        """Read from the client again."""

    async def drain(self) -> None:
        """Wait until the client has read enough of what was written."""

    def complete(self, exchange: Exchange) -> None:
        """Start the next request, once the response to this one is written."""

    def close(self) -> None:
        """Close the connection, once the client has read what was written."""


class Exchange:
    """A request whose head is read. The protocol adds the body, and starts it when those before it are answered."""

    needs_whole_body = False  # it starts only when its body is complete
    keep_alive = True  # the connection stays open after the response
    is_running = False
    is_whole = False  # the body has arrived
    is_lost = False  # the client is gone
    has_started = False  # a part of the response is written
    is_complete = False  # the whole response is written

    def start(self) -> None:
        """Start processing the request."""
        raise NotImplementedError

    def feed(self, piece: bytes) -> None:
        """Receive the next piece of the body."""
        raise NotImplementedError

    def wait_for_body(self) -> None:
        """Prepare for a body that has not arrived in one piece with its head."""

    def wake(self) -> None:
        """Handle a change: the body is complete, or the client is gone."""

    def answer(self, connection: Connection, reply: Response) -> None:
        """Write the whole response."""
        self.has_started = self.is_complete = True
        if self.is_lost or connection.transport.is_closing():
            return
        if not self.keep_alive:
            reply.headers.append(CLOSE)
        connection.transport.write(serialize(reply, connection.default_headers()))
        if not self.keep_alive:
            connection.close()
        connection.complete(self)
