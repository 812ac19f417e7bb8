"""Spans that wait to be sent, in a bounded queue; a receiver that is down or slow costs spans, never events."""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingestion.metrics import SPANS_DROPPED, SPANS_SENT

logger = logging.getLogger(__name__)

# Seconds that a process waits at its end for the last spans to be taken. Its supervisor waits for it.
FAREWELL = 2.0

Send = Callable[[list[Span]], bool]


class Bounds(NamedTuple):
    """How spans are collected; the defaults are OpenTelemetry's."""

    waiting: int = 2_048  # spans at most; further ones are dropped
    together: int = 512  # spans in one request at most; as many are sent at once
    delay: float = 5.0  # seconds until fewer are


class Outbox:
    """Sends spans in a thread of its own."""

    def __init__(self, send: Send, bounds: Bounds) -> None:
        """Start the thread.

        :param send: returns whether the receiver has taken some spans
        """
        self._send = send
        self._bounds = bounds
        self._waiting: deque[Span] = deque()
        self._awake = threading.Event()
        self._ending = False
        self._fails = False
        # No thread can be started at the end of a process, and a daemon does not keep it.
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def add(self, span: Span) -> None:
        """Add a span that has ended; any thread."""
        if len(self._waiting) >= self._bounds.waiting:
            SPANS_DROPPED.labels("queue").inc()
            return
        self._waiting.append(span)
        if len(self._waiting) == self._bounds.together:
            self._awake.set()

    def close(self) -> None:
        """Send the last spans, within FAREWELL."""
        self._ending = True
        self._awake.set()
        self._thread.join(FAREWELL)

    def _run(self) -> None:
        while not self._ending:
            self._awake.wait(self._bounds.delay)
            self._awake.clear()
            self._send_waiting()
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting:
            count = min(len(self._waiting), self._bounds.together)
            self._note([self._waiting.popleft() for _ in range(count)])

    def _note(self, spans: list[Span]) -> None:
        try:
            taken = self._send(spans)
        except Exception:  # noqa: BLE001 - whatever a receiver answers, the process goes on
            taken = False
        (SPANS_SENT if taken else SPANS_DROPPED.labels("receiver")).inc(len(spans))
        if self._fails and taken:
            logger.info("spans are taken again")
        elif not self._fails and not taken:
            logger.warning("spans are not taken; they are dropped until they are")
        self._fails = not taken
