"""Answers a request through the ASGI application, in a task of its own.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import Context
from typing import Any

from ingestion.http.bodies.body_budget import UNKNOWN, BodyCharge
from ingestion.http.exchange import Connection, Exchange
from ingestion.http.response import CLOSE, STATUS_LINES, header_lines
from ingestion.problems import Header
from ingestion.runtime.socket_reset import reset_at_end

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

MAX_UNREAD = 64 * 1024  # bytes of a body that the application has not asked for; then the client has to wait
WITHOUT_BODY = {204, 304}


class AsgiRequest(Exchange):
    """One request and its response."""

    def __init__(
        self,
        connection: Connection,
        application: Application,
        scope: Message,
        *,
        keep_alive: bool,
        expects_continue: bool,
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self.keep_alive = keep_alive
        self._connection = connection
        self._application = application
        self._scope = scope
        self._expects_continue = expects_continue
        self._tasks = tasks
        self._unread = bytearray()
        self._is_read = False  # the application has asked for the body
        self._charge = BodyCharge()  # what has come of the body before that
        self._changed = asyncio.Event()
        self._head: bytes | None = None  # of the answer, until its first piece is written
        self._is_chunked = False
        self._left: int | None = None  # bytes that the answer has to have yet; None: no length was declared

    def start(self) -> None:
        """Run the application in a task."""
        # It may start where the one before it ends, whose request id is not this one's.
        task = self._connection.loop.create_task(self._run(), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def feed(self, piece: bytes) -> None:
        """Store a piece of the body for the application."""
        self._unread += piece
        if len(self._unread) > MAX_UNREAD:
            self._connection.pause_reading()
        self._changed.set()

    def wait_for_body(self) -> None:
        """Read no more of the body until the application asks for it.

        :raises RequestRejected: too many bodies wait for their application
        """
        if not self._is_read and not self.is_complete:
            self._connection.pause_reading()
            self._charge.begin(UNKNOWN, len(self._unread))

    def wake(self) -> None:
        """Wake the application: the body is complete, or the client is gone."""
        if self.is_lost:
            self._drop_unread()
        self._changed.set()

    async def receive(self) -> Message:
        """Return the next piece of the body, or that the exchange is over."""
        if self._expects_continue and not self._connection.transport.is_closing():
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._expects_continue = False
        if not self._is_read:
            self._is_read = True
            self._charge.release()
        if not self.is_lost and not self.is_complete:
            self._connection.resume_reading()
            await self._changed.wait()
            self._changed.clear()
        if self.is_lost or self.is_complete:
            return {"type": "http.disconnect"}
        piece, self._unread = bytes(self._unread), bytearray()
        return {"type": "http.request", "body": piece, "more_body": not self.is_whole}

    async def send(self, message: Message) -> None:
        """Write the next part of the answer; its head goes out with the first piece of its body."""
        await self._connection.drain()
        if self.is_lost:
            return
        expected = "http.response.body" if self.has_started else "http.response.start"
        if self.is_complete or message["type"] != expected:
            raise RuntimeError(f"the application sent {message['type']} out of turn")
        if self.has_started:
            self._write(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            self._begin(message["status"], [*self._connection.default_headers(), *message.get("headers", ())])

    def _begin(self, status: int, headers: list[Header]) -> None:
        self.has_started = True
        self._expects_continue = False
        # Django writes them with capitals.
        given = {name.lower(): value for name, value in headers}
        has_body = self._scope["method"] != "HEAD" and status not in WITHOUT_BODY
        if given.get(b"connection") == CLOSE[1]:
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append(CLOSE)
        if has_body and b"content-length" in given:
            self._left = int(given[b"content-length"])
        elif has_body and self._scope["http_version"] == "1.1":
            self._is_chunked = True
            headers.append((b"transfer-encoding", b"chunked"))
        self._head = b"%b%b\r\n" % (STATUS_LINES[status], header_lines(headers))

    def _write(self, body: bytes, *, is_last: bool) -> None:
        head, self._head = self._head or b"", None
        if self._scope["method"] == "HEAD":
            body = b""
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (is_last and self._left):
                raise RuntimeError("the answer is not as long as its Content-Length")
        if self._is_chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"0\r\n\r\n" if is_last else b"")
        self._connection.transport.write(head + body)
        if is_last:
            self.is_complete = True
            self._drop_unread()
            self._changed.set()
            if not self.keep_alive:
                self._connection.close()
            self._connection.complete(self)

    def _break_off(self) -> None:
        """Close the connection in the middle of an answer."""
        if self._is_chunked or self._left is not None:
            self._connection.close()
            return
        # The end of the connection would be the end of the answer, as in HTTP/1.0; a reset is none.
        reset_at_end(self._connection.transport.get_extra_info("socket"))
        self._connection.transport.abort()

    def _drop_unread(self) -> None:
        self._unread = bytearray()
        self._charge.release()

    async def _run(self) -> None:
        try:
            await self._application(self._scope, self.receive, self.send)
        except Exception:
            logger.exception("the application failed")
        if self.is_complete or self.is_lost:
            return
        if self.has_started:
            self._break_off()
        else:
            self.keep_alive = False
            self._begin(500, [(b"content-length", b"0")])
            self._write(b"", is_last=True)
