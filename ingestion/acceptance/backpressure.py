"""Backpressure: refuses requests while processing lags too far or dead-letters too much; off unless a setting enables it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple, Protocol

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from ingestion import metrics
from ingestion.problems import Code, RequestRejected
from ingestion.runtime.loop_singleton import LoopSingleton

logger = logging.getLogger(__name__)

CHECK_SECONDS = 2.0  # between two checks of processing
WINDOW_SECONDS = 60.0  # over which the share of dead letters is measured
FEWEST = 100  # events in the window; with fewer the share is not judged
RETRY_AFTER = b"10"  # seconds; a backlog takes longer than one second to clear


class BacklogReport(NamedTuple):
    """How far processing is behind, and how much it has dead-lettered."""

    lag_seconds: float  # age of the oldest record that is not processed yet
    read: int  # lines read from the topic so far
    dead_lettered: int  # those of them that became dead letters


class BacklogReader(Protocol):
    """Measures processing. The setting DATAFLOW_GUARD_WATCH names the class, since ingestion may not import processing."""

    def measure(self) -> BacklogReport | None:
        """Measure now; may block. None: not known."""


class BackpressureState(NamedTuple):
    """The state that pages and probes show."""

    state: Literal["off", "open", "closed"]
    reason: str | None


class Backpressure:
    """The guard of one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._is_on = settings.DATAFLOW_GUARD_LAG_SECONDS > 0 or settings.DATAFLOW_GUARD_DEAD_LETTER_PERCENT > 0
        self._reason: str | None = None
        self._history: deque[tuple[float, BacklogReport]] = deque()
        self._checking = self.loop.create_task(self._keep_checking()) if self._is_on else None

    @property
    def state(self) -> BackpressureState:
        """Return whether events are accepted, and if not, why."""
        if not self._is_on:
            return BackpressureState("off", None)
        return BackpressureState("closed" if self._reason else "open", self._reason)

    def check(self) -> None:
        """Check that a request may be accepted.

        :raises RequestRejected: processing is too far behind
        """
        if self._reason is not None:
            raise RequestRejected(Code.PIPELINE_BEHIND, self._reason, headers=[(b"retry-after", RETRY_AFTER)])

    def evaluate(self, condition: BacklogReport, *, now: float) -> str | None:
        """Return why requests have to be refused; None: they may be accepted.

        :param now: seconds on a monotonic clock
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
        """Stop checking."""
        if self._checking is not None:
            self._checking.cancel()

    def _percent(self, condition: BacklogReport) -> float:
        first = self._history[0][1]
        read = condition.read - first.read
        return 100 * (condition.dead_lettered - first.dead_lettered) / read if read >= FEWEST else 0.0

    async def _keep_checking(self) -> None:
        watch: BacklogReader = import_string(settings.DATAFLOW_GUARD_WATCH)()
        # Its own thread: a store that is frozen delays nothing else.
        with ThreadPoolExecutor(1, thread_name_prefix="guard") as thread:
            while True:
                try:
                    condition = await self.loop.run_in_executor(thread, _measure, watch)
                except Exception:
                    logger.exception("the guard could not measure processing")
                    condition = None
                # An unknown condition changes nothing: receivers need Kafka alone.
                if condition is not None:
                    self._set_reason(self.evaluate(condition, now=self.loop.time()))
                await asyncio.sleep(CHECK_SECONDS)

    def _set_reason(self, reason: str | None) -> None:
        if reason and not self._reason:
            logger.warning("requests are refused because of processing", extra={"reason": reason})
        elif self._reason and not reason:
            logger.warning("requests are accepted again")
        self._reason = reason
        metrics.BACKPRESSURE.set(reason is not None)


def _measure(watch: BacklogReader) -> BacklogReport | None:
    try:
        return watch.measure()
    finally:
        connection.close()  # back to the pool


backpressure = LoopSingleton(Backpressure)
