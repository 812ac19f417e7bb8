"""One request and its answer on a connection, as the server's protocol sees it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ingestion.problems import Header


class Connection(Protocol):
    """What an exchange may use of the connection that it belongs to."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def default_headers(self) -> list[Header]:
        """Return the headers that the server adds to every answer."""

    def pause_reading(self) -> None:
        """Stop reading from the client."""

    def resume_reading(self) -> None:
        """Read from the client again."""

    async def drain(self) -> None:
        """Wait until the client has read enough of what was written."""

    def complete(self, exchange: Exchange) -> None:
        """Start the next request: the answer to this one is written."""


class Exchange:
    """A request whose head is read. The protocol fills the body in, and starts it when those before it are answered."""

    needs_whole_body = False  # it is started no earlier than its body is whole
    keep_alive = True  # the connection stays open after the answer
    is_running = False
    is_whole = False  # the body has arrived
    is_lost = False  # the client is gone
    has_started = False  # some of the answer is written
    is_complete = False  # all of it is

    def start(self) -> None:
        """Work on the request."""
        raise NotImplementedError

    def feed(self, piece: bytes) -> None:
        """Receive the next piece of the body."""
        raise NotImplementedError

    def wake(self) -> None:
        """Notice that the body is whole, or that the client is gone."""
