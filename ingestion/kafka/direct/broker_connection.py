"""One connection to a broker on the event loop: frames out, and the answers to them in the same order."""

from __future__ import annotations

import asyncio
import math
import struct
from collections import deque
from collections.abc import Callable

# Called with the answer without its size; None: the connection was lost, and the broker may have the request or not.
Answered = Callable[[bytes | None], None]

MAX_ANSWER = 16 * 1024 * 1024  # bytes; a longer one is not Kafka's
_SIZE = struct.Struct(">I")


class BrokerConnection(asyncio.Protocol):
    """A connection whose requests are answered in their order, as Kafka does."""

    def __init__(self) -> None:
        self.is_ready = False  # versions and user are checked
        self.is_lost = False
        self.retire_at = math.inf  # on the loop's clock: the user has to log in again, so another one takes its place
        self._transport: asyncio.WriteTransport | None = None
        self._waiting: deque[Answered] = deque()
        self._read = bytearray()  # what came of an answer that is not whole
        self._sent = 0
        self._is_retired = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # of a stream

    def connection_lost(self, exc: Exception | None) -> None:
        """Report to all that wait that there is no answer."""
        self.is_ready, self.is_lost = False, True
        while self._waiting:
            self._waiting.popleft()(None)

    def data_received(self, data: bytes) -> None:
        """Hand out whole answers."""
        self._read += data
        while len(self._read) >= _SIZE.size:
            (size,) = _SIZE.unpack_from(self._read)
            if size > MAX_ANSWER or not self._waiting:
                self.abort()
                return
            end = _SIZE.size + size
            if len(self._read) < end:
                return
            answer = bytes(self._read[_SIZE.size : end])
            del self._read[:end]
            self._waiting.popleft()(answer)
        if self._is_retired and not self._waiting:
            self.abort()

    def next_number(self) -> int:
        """Return the number of the next request."""
        self._sent = (self._sent + 1) % 2**31
        return self._sent

    def send(self, request: bytes, answered: Answered) -> None:
        """Send a whole request; `answered` is called once, later."""
        if self._transport is None or self.is_lost:
            raise ConnectionResetError("the connection is lost")
        self._waiting.append(answered)
        self._transport.write(request)

    def abort(self) -> None:
        """Close at once; what waits gets no answer."""
        self.is_ready = False
        if self._transport is not None:
            self._transport.abort()

    def retire(self) -> None:
        """Close as soon as nothing waits for an answer."""
        self.is_ready, self._is_retired = False, True
        if not self._waiting:
            self.abort()
