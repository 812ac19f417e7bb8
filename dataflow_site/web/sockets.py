"""WebSockets of the web process: uvicorn's own protocol, with bounds on what a client can make it do at one time."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PIECE = 4096  # bytes parsed at once: up to 600 messages, some ms
# Pings are answered by the protocol itself, and clients send one every 20 s or so.
PINGS_PER_SECOND = 5.0
PINGS_AT_ONCE = 50
READ_AFTER_CLOSE = 64 * 1024  # bytes, while the client's close frame is waited for
LINGER_SECONDS = 10.0  # for a client that reads nothing to take what was sent before


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """A connection that is parsed piece by piece as the application takes the messages.

    The socket's buffer can hold 37,000 messages. Parsed at once they would hold up every other connection.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unparsed = bytearray()
        self._parsing: asyncio.Handle | None = None
        self._after_close = 0  # bytes
        self._pings = float(PINGS_AT_ONCE)
        self._pinged_at = self.loop.time()
        self._lingering: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        self._unparsed += data
        if self.close_sent and len(self._unparsed) > READ_AFTER_CLOSE:
            self.transport.abort()
        if self._parsing is None:
            self._parse_piece()

    def _parse_piece(self) -> None:
        self._parsing = None
        if self.transport.is_closing():
            self._unparsed.clear()
            return
        piece = bytes(self._unparsed[:PIECE])
        del self._unparsed[:PIECE]
        super().data_received(piece)
        if self.close_sent:
            self._count_after_close(len(piece))
        if self._unparsed and not self.close_sent:
            self._pause()
        # After a close nobody takes messages, but the client's close frame is somewhere behind them.
        if self.close_sent or self.queue.empty():
            self._go_on()

    def _go_on(self) -> None:
        """Parse the next piece, or read again once there is none: its end need not be the end of a message."""
        if self._unparsed:
            self._parse_soon()
        elif self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def _parse_soon(self) -> None:
        if self._parsing is None:
            self._parsing = self.loop.call_soon(self._parse_piece)

    def _pause(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    async def receive(self) -> ASGIReceiveEvent:
        message = await self.queue.get()
        if self.queue.empty():
            self._go_on()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent:
            self._go_on()

    def handle_ping(self) -> None:
        now = self.loop.time()
        self._pings = min(PINGS_AT_ONCE, self._pings + (now - self._pinged_at) * PINGS_PER_SECOND) - 1
        self._pinged_at = now
        if self._pings < 0:
            self.transport.abort()
            return
        super().handle_ping()

    def _count_after_close(self, received: int) -> None:
        self._after_close += received
        if self._after_close > READ_AFTER_CLOSE:
            self.transport.abort()

    # A transport that closes waits until the client has read everything, which may be for ever.

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._linger()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self._linger()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unparsed.clear()
        if self._lingering is not None:
            self._lingering.cancel()

    def _linger(self) -> None:
        if self._lingering is None and not self.disconnected:
            self._lingering = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
