"""Progress of a long command: one line on a terminal with the time left, and a clean stop on SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from ingestion.management.terminal import Terminal, bar, cut
from processing.commandline.stop_event import StopEvent

_REFRESH_INTERVAL = 0.2  # seconds
_BAR = 20  # columns
_LEAST_SHARE = 0.01  # of the whole, before the time left is told


class CommandInterrupted(Exception):
    """SIGTERM or SIGINT arrived. What was done stays; the command continues from there when it is run again."""


class Progress:
    """Shows how far a command is, in one line that is overwritten. Without a terminal it shows nothing."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._stopping = StopEvent()
        self._unit = ""
        self._started = self._shown_at = 0.0
        self._shown = False

    def advance(self, unit: str, done: int, total: int | None = None) -> None:
        """Report how many are done. Call it between two pieces of work.

        :param unit: what is counted, in the plural
        :raises Interrupted: SIGTERM or SIGINT arrived
        """
        if self._stopping.is_set():
            raise CommandInterrupted
        now = time.monotonic()
        if unit != self._unit:
            self._unit, self._started, self._shown_at = unit, now, 0.0
        if self._out.isatty() and now - self._shown_at > _REFRESH_INTERVAL:
            self._shown_at = now
            self._show(done, total, now - self._started)

    def stop(self) -> None:
        """Make the next call of `advance` raise Interrupted."""
        self._stopping.set()

    def clear(self) -> None:
        """Remove the line, so that other output can follow."""
        if self._shown:
            self._out.write("\r\x1b[K")
            self._out.flush()
            self._shown = False

    def _show(self, done: int, total: int | None, seconds: float) -> None:
        # One column short: in the last one some terminals wrap.
        line = cut(_line(self._unit, done, total, seconds), Terminal.of(self._out).width - 1)
        self._out.write(f"\r\x1b[K{line}")
        self._out.flush()
        self._shown = True


def _line(unit: str, done: int, total: int | None, seconds: float) -> str:
    of = f" of {total:,}" if total is not None else ""
    parts = [f"{done:,}{of} {unit}"]
    if seconds > _REFRESH_INTERVAL:
        parts.append(f"{done / seconds:,.0f}/s")
    if not total:
        return ", ".join(parts)
    share = min(done / total, 1.0)
    if share >= _LEAST_SHARE:
        parts.append(f"{_duration(seconds / share - seconds)} left")
    return f"{bar(share, _BAR)} {share:>4.0%}  {', '.join(parts)}"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


@contextmanager
def stoppable(progress: Progress) -> Iterator[Progress]:
    """Stop `progress` on SIGTERM or SIGINT, between two pieces of work."""
    with handle_signals(lambda _number: progress.stop()):
        try:
            yield progress
        finally:
            progress.clear()


@contextmanager
def handle_signals(act: Callable[[int], None]) -> Iterator[None]:
    """Call `act` with the number of each SIGTERM or SIGINT, until the block ends."""

    def handle(number: int, _frame: FrameType | None) -> None:
        act(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
