"""The part of HTTP/2 that a gRPC client with large requests and small responses needs: RFC 9113, RFC 7541."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
ACK, END_STREAM, END_HEADERS = 1, 1, 4
INITIAL_WINDOW = 65_535  # bytes
MAX_FRAME = 16_384  # bytes of its content
LARGEST_WINDOW = 2**31 - 1
HEAD = 9  # bytes of a frame before its content
PREFIX = 5  # bytes of a gRPC message before its content


class Connection(asyncio.Protocol):
    """One connection; subclasses define what is sent over it."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._buffer = b""
        self._next_call = 1
        self._room = INITIAL_WINDOW  # bytes that the server accepts now, over all calls
        self._rooms: dict[int, int] = {}  # the same for each call
        self._initial = INITIAL_WINDOW
        self._waiting: deque[tuple[int, bytes, int]] = deque()  # call, content, flags

    def opened(self) -> None:
        """Handle that the connection is ready for calls."""

    def message(self, call: int, message: bytes) -> None:
        """Handle a message."""

    def ended(self, call: int) -> None:
        """Handle the end of a call."""

    def call(self, path: str, *, token: str = "") -> int:
        """Begin a call, with a key if there is a token."""
        call, self._next_call = self._next_call, self._next_call + 2
        self._rooms[call] = self._initial
        self._transport.write(frame(HEADERS, END_HEADERS, call, head(path, token=token)))
        return call

    def send(self, call: int, message: bytes, *, last: bool, missing: int = 0) -> None:
        """Send a message as soon as flow control allows.

        :param missing: bytes that are announced and do not come
        """
        whole = b"\0" + (len(message) + missing).to_bytes(4, "big") + message
        for begin in range(0, len(whole), MAX_FRAME):
            is_end = last and begin + MAX_FRAME >= len(whole)
            self._waiting.append((call, whole[begin : begin + MAX_FRAME], END_STREAM if is_end else 0))
        self._write()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the preface, the settings and a large window."""
        # uvloop's transports do not derive from asyncio's.
        self._transport = cast("asyncio.WriteTransport", transport)
        # Responses are small, so the server never waits for flow control.
        settings = (4).to_bytes(2, "big") + LARGEST_WINDOW.to_bytes(4, "big")
        room = (LARGEST_WINDOW - INITIAL_WINDOW).to_bytes(4, "big")
        self._transport.write(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings) + frame(WINDOW, 0, 0, room)
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Report that the connection is closed."""
        self._lost()

    def data_received(self, data: bytes) -> None:
        """Handle every complete frame that has arrived."""
        self._buffer += data
        while len(self._buffer) >= HEAD:
            end = HEAD + int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < end:
                break
            kind, flags, call = self._buffer[3], self._buffer[4], int.from_bytes(self._buffer[5:HEAD], "big")
            content, self._buffer = self._buffer[HEAD:end], self._buffer[end:]
            self._frame(kind, flags, call, content)
        self._write()

    def _frame(self, kind: int, flags: int, call: int, content: bytes) -> None:
        if kind == DATA:
            self._messages(call, content)
        elif kind == WINDOW:
            self._widen(call, int.from_bytes(content, "big"))
        elif kind == PING and not flags & ACK:
            self._transport.write(frame(PING, ACK, 0, content))
        elif kind == SETTINGS and not flags & ACK:
            self._set(content)
        elif kind == RESET or (kind == HEADERS and flags & END_STREAM):
            self._rooms.pop(call, None)
            self.ended(call)
        elif kind == GOAWAY:
            self._lost()

    def _messages(self, call: int, content: bytes) -> None:
        """The receiver writes each of its small messages into a frame of its own."""
        while content:
            end = PREFIX + int.from_bytes(content[1:PREFIX], "big")
            self.message(call, content[PREFIX:end])
            content = content[end:]

    def _set(self, content: bytes) -> None:
        is_first = not self._rooms
        for begin in range(0, len(content), 6):
            if int.from_bytes(content[begin : begin + 2], "big") == 4:
                initial = int.from_bytes(content[begin + 2 : begin + 6], "big")
                self._rooms = {call: room + initial - self._initial for call, room in self._rooms.items()}
                self._initial = initial
        self._transport.write(frame(SETTINGS, ACK, 0, b""))
        if is_first and self._next_call == 1:
            self.opened()

    def _widen(self, call: int, more: int) -> None:
        if not call:
            self._room += more
        elif call in self._rooms:
            self._rooms[call] += more

    def _write(self) -> None:
        """Send the waiting frames in order, as far as flow control allows."""
        while self._waiting:
            call, content, flags = self._waiting[0]
            if len(content) > min(self._room, self._rooms.get(call, 0)):
                return
            self._waiting.popleft()
            self._room -= len(content)
            self._rooms[call] -= len(content)
            self._transport.write(frame(DATA, flags, call, content))


def frame(kind: int, flags: int, call: int, content: bytes) -> bytes:
    """Return one frame in wire format."""
    return len(content).to_bytes(3, "big") + bytes((kind, flags)) + call.to_bytes(4, "big") + content


def head(path: str, *, token: str = "") -> bytes:
    """Return the headers of a call as literals without a table."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    if token:
        headers["x-api-key"] = token
    return b"".join(_literal(name.encode(), value.encode()) for name, value in headers.items())


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value
