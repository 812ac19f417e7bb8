"""How a long command goes on: what it tells a terminal, and how it ends early without leaving anything half done."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

_TOLD_EVERY = 0.2  # seconds


class Stopped(Exception):
    """The command was told to end; what it did so far stays, and running it again goes on from there."""


class Course:
    """Tells how far a command is, in one line that moves, if its output is a terminal; else nothing."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._stopping = threading.Event()
        self._what = ""
        self._started = self._told_at = 0.0
        self._shown = False

    def reached(self, what: str, done: int, total: int | None = None) -> None:
        """Say that so many are done; to be called between two pieces of work.

        :raises Stopped: a signal came
        """
        if self._stopping.is_set():
            raise Stopped
        now = time.monotonic()
        if what != self._what:
            self._what, self._started, self._told_at = what, now, 0.0
        if self._out.isatty() and now - self._told_at > _TOLD_EVERY:
            self._told_at = now
            self._tell(done, total, now - self._started)

    def stop(self) -> None:
        """Raise Stopped when the piece in hand is done."""
        self._stopping.set()

    def clear(self) -> None:
        """Take the line away, so that something else can be written."""
        if self._shown:
            self._out.write("\r\x1b[K")
            self._out.flush()
            self._shown = False

    def _tell(self, done: int, total: int | None, seconds: float) -> None:
        of = f" of {total:,}" if total is not None else ""
        rate = f", {done / seconds:,.0f}/s" if seconds > _TOLD_EVERY else ""
        self._out.write(f"\r\x1b[K{done:,}{of} {self._what}{rate}")
        self._out.flush()
        self._shown = True


@contextmanager
def until_told(course: Course) -> Iterator[Course]:
    """Let SIGTERM and SIGINT stop the course between two pieces of work."""
    with signals_to(lambda _number: course.stop()):
        try:
            yield course
        finally:
            course.clear()


@contextmanager
def signals_to(act: Callable[[int], None]) -> Iterator[None]:
    """Hand SIGTERM and SIGINT to `act` meanwhile, by their numbers."""

    def handle(number: int, _frame: FrameType | None) -> None:
        act(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
