"""How long a connection waits for a client that does not read its answers."""

from __future__ import annotations

import asyncio

from django.conf import settings


class WriteTimer:
    """The timer of one connection; it is set only while answers wait for the client."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def start(self, transport: asyncio.Transport) -> None:
        """Close the transport after DATAFLOW_WRITE_SECONDS, with what it has not sent."""
        if self._timer is None:
            self._timer = self._loop.call_later(settings.DATAFLOW_WRITE_SECONDS, transport.abort)

    def stop(self) -> None:
        """Stop the timer: the client has read, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
