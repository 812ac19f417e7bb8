"""What a consumer process shows of itself, and a watch on its loop, which a call that never returns may stop."""

from __future__ import annotations

import faulthandler
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

SLOW_AFTER = 15.0  # seconds without a turn of the loop after which the process is not ready
TICK = 1.0  # seconds
# The longest calls of the loop take some 40 s, while Kafka is frozen.
HUNG_AFTER = 60  # ticks without a turn of the loop
STOP_AFTER = 25  # ticks after a signal; the loop itself gives up after 20 s, and closes its clients within 4 s


@dataclass(slots=True)
class State:
    """Written by the loop, read by health and the watchdog."""

    started: float = field(default_factory=time.monotonic)
    waiting: str | None = None  # why the current batch waits
    kafka: bool = False
    partitions: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)  # had, and not read until an operator says so
    turned: float = field(default_factory=time.monotonic)  # when the loop last went on

    def turn(self) -> None:
        """Note that the loop goes on."""
        self.turned = time.monotonic()

    def waits_for(self) -> str | None:
        """Return what the process waits for; None: all is well."""
        age = time.monotonic() - self.turned
        return self.waiting or (f"its own loop: no turn for {age:.0f} s" if age > SLOW_AFTER else None)


class Watchdog:
    """Ends the process if its loop hangs, so that a new one takes over: everything unfinished is redelivered.

    It counts ticks of its own: a process that was frozen as a whole is not hung.

    :param beat: called at every tick
    :param end: ends the process with an exit code
    """

    def __init__(
        self, state: State, stopping: threading.Event, *, beat: Callable[[], None], end: Callable[[int], None]
    ) -> None:
        self._state = state
        self._stopping = stopping
        self._beat = beat
        self._end = end
        self._over = threading.Event()
        self._turned = state.turned
        self._idle = 0
        self._stops = 0

    def start(self) -> None:
        """Watch from now on."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no more: the loop is over."""
        self._over.set()

    def tick(self) -> None:
        """Look once."""
        self._beat()
        self._idle = 0 if self._state.turned != self._turned else self._idle + 1
        self._turned = self._state.turned
        self._stops += self._stopping.is_set()
        if self._stops >= STOP_AFTER:
            logger.error("the loop did not end in time; ending the process")
            self._end_now(1)
        elif self._idle >= HUNG_AFTER:
            logger.error("the loop hangs; ending the process")
            self._end_now(1)

    def _run(self) -> None:
        while not self._over.wait(TICK):
            self.tick()

    def _end_now(self, code: int) -> None:
        self.stop()
        faulthandler.dump_traceback(file=sys.stderr)
        logging.shutdown()
        self._end(code)
