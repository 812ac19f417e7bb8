"""How long a connection waits for the parts of a request, and for the next request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum

from django.conf import settings


class Stage(Enum):
    """The part of a request that is awaited."""

    NOTHING = "nothing"
    HEADERS = "headers"
    BODY = "body"


class StageTimer:
    """The timers of one connection; at most two are set, and neither is reset for each request."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None], *, keep_alive: float) -> None:
        self.stage = Stage.NOTHING
        self.idle_since: float | None = None  # on the loop's clock; None while a request is on its way
        self._loop = loop
        self._expired = expired
        self._keep_alive = keep_alive  # seconds that an idle connection is kept
        self.timed = Stage.NOTHING  # the stage that the timer is for
        self._timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self.is_watching = False  # whether the connection is idle

    def arm(self) -> None:
        """Start the timer of the current stage."""
        self._disarm()
        self.timed = self.stage
        if self.stage is not Stage.NOTHING:
            wait = settings.DATAFLOW_BODY_SECONDS if self.stage is Stage.BODY else settings.DATAFLOW_HEADER_SECONDS
            self._timer = self._loop.call_later(wait, self._expired)

    def watch(self) -> None:
        """Check periodically whether the connection is idle."""
        self.is_watching = True
        self._idle_timer = self._loop.call_later(self._keep_alive, self._expire_if_idle)

    def close(self) -> None:
        """Stop both timers."""
        self.stage = Stage.NOTHING
        self._disarm()
        if self._idle_timer is not None:
            self._idle_timer.cancel()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire_if_idle(self) -> None:
        self.is_watching = False
        if self.idle_since is None:
            return
        left = self.idle_since + self._keep_alive - self._loop.time()
        if left > 0:
            self.is_watching = True
            self._idle_timer = self._loop.call_later(left, self._expire_if_idle)
        else:
            self._expired()
