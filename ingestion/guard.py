"""Closes a process' doors while processing is too far behind or sets too much aside; off unless a setting says when."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple, Protocol

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from ingestion.per_loop import PerLoop
from ingestion.problems import Code
from ingestion.requests import Refused

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0  # between two looks at processing
WINDOW_SECONDS = 60.0  # over which the share of dead letters counts
FEWEST = 100  # events in the window, or the share says nothing
RETRY_AFTER = b"10"  # seconds; a backlog does not go away in one


class Condition(NamedTuple):
    """How processing is doing."""

    lag_seconds: float  # how long the oldest record without effects has been waiting
    read: int  # lines that were read from the topic, ever
    dead_lettered: int  # those that were set aside, ever


class Watch(Protocol):
    """Looks at processing; the setting DATAFLOW_GUARD_WATCH names the class, since this stage imports nothing of the next."""

    def measure(self) -> Condition | None:
        """Look now; may block. None: it can't be told."""


class State(NamedTuple):
    """What a page or a probe shows."""

    state: Literal["off", "open", "closed"]
    reason: str | None


class Guard:
    """One event loop's guard."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._is_on = settings.DATAFLOW_GUARD_LAG_SECONDS > 0 or settings.DATAFLOW_GUARD_DEAD_LETTER_PERCENT > 0
        self._reason: str | None = None
        self._history: deque[tuple[float, Condition]] = deque()
        self._looking = self.loop.create_task(self._keep_looking()) if self._is_on else None

    @property
    def state(self) -> State:
        """Whether events are let in, and why not."""
        if not self._is_on:
            return State("off", None)
        return State("closed" if self._reason else "open", self._reason)

    def check(self) -> None:
        """Let a request in.

        :raises Refused: processing is too far behind
        """
        if self._reason is not None:
            raise Refused(Code.PIPELINE_BEHIND, self._reason, headers=[(b"retry-after", RETRY_AFTER)])

    def judge(self, condition: Condition, *, now: float) -> str | None:
        """Say why the doors have to be closed; None: they need not.

        :param now: seconds on a clock that never goes back
        """
        self._history.append((now, condition))
        while now - self._history[0][0] > WINDOW_SECONDS:
            self._history.popleft()
        most = settings.DATAFLOW_GUARD_LAG_SECONDS
        if 0 < most < condition.lag_seconds:
            return f"processing is more than {most:g} s behind"
        most = settings.DATAFLOW_GUARD_DEAD_LETTER_PERCENT
        if 0 < most < self._percent(condition):
            return f"more than {most:g} % of the last minute's events became dead letters"
        return None

    def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()

    def _percent(self, condition: Condition) -> float:
        first = self._history[0][1]
        read = condition.read - first.read
        return 100 * (condition.dead_lettered - first.dead_lettered) / read if read >= FEWEST else 0.0

    async def _keep_looking(self) -> None:
        watch: Watch = import_string(settings.DATAFLOW_GUARD_WATCH)()
        # A thread of its own: a store that is frozen holds up nothing else.
        with ThreadPoolExecutor(1, thread_name_prefix="guard") as thread:
            while True:
                try:
                    condition = await self.loop.run_in_executor(thread, _look, watch)
                except Exception:
                    logger.exception("the guard could not look at processing")
                    condition = None
                # What can't be told changes nothing: the doors need Kafka alone.
                if condition is not None:
                    self._turn(self.judge(condition, now=self.loop.time()))
                await asyncio.sleep(LOOK_SECONDS)

    def _turn(self, reason: str | None) -> None:
        if reason and not self._reason:
            logger.warning("the doors are closed", extra={"reason": reason})
        elif self._reason and not reason:
            logger.warning("the doors are open again")
        self._reason = reason


def _look(watch: Watch) -> Condition | None:
    try:
        return watch.measure()
    finally:
        connection.close()  # back to the pool


guard = PerLoop(Guard)
