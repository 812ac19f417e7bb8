"""Calls functions after a time, unless what they guard has ended: one thread for all of them.

A thread for each, as `threading.Timer` starts, takes longer than most of what is guarded.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LATE = 0.25  # seconds by which a call may be late: nobody wakes the thread


class _Guard:
    """A call that is due at a time, and not any more once `is_over`."""

    __slots__ = ("call", "is_over")

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.is_over = False


class Watchdog:
    """The guards of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._guards: list[tuple[float, int, _Guard]] = []  # by when they are due; a heap
        self._numbers = itertools.count()
        self._has_any = threading.Event()
        self._process = 0

    @contextmanager
    def after(self, seconds: float, call: Callable[[], None]) -> Iterator[None]:
        """Call a function, which must not block or raise, if the block takes longer than `seconds`."""
        guard = _Guard(call)
        with self._lock:
            heapq.heappush(self._guards, (time.monotonic() + seconds, next(self._numbers), guard))
            self._has_any.set()
            if self._process != os.getpid():
                # The first one, or a thread that did not survive a fork.
                self._process = os.getpid()
                threading.Thread(target=self._run, name="watchdog", daemon=True).start()
        try:
            yield
        finally:
            guard.is_over = True

    def _run(self) -> None:
        while self._has_any.wait():
            for guard in self._due():
                if not guard.is_over:
                    guard.call()
            time.sleep(LATE)

    def _due(self) -> list[_Guard]:
        found: list[_Guard] = []
        with self._lock:
            while self._guards and self._guards[0][0] <= time.monotonic():
                found.append(heapq.heappop(self._guards)[2])
            if not self._guards:
                self._has_any.clear()
        return found


after = Watchdog().after
