"""Sums up how long the steps of one batch took, over all its attempts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from processing import metrics
from processing.consumer.measuring.batch_spans import Timings

P = ParamSpec("P")
R = TypeVar("R")

# By the step of processing.consumer.steps. The others start or await the documents, which are timed where they are written.
_NAMES = {
    "decode": "decode",
    "process": "decode",
    "claim": "claim",
    "write_rows": "rows",
    "hold": "add_up",
    "add_up": "add_up",
    "publish": "publish",
}


class StepClock:
    """The seconds of each step. For several threads, each with steps of its own."""

    __slots__ = ("_seconds", "timings")

    def __init__(self, timings: Timings | None = None) -> None:
        """:param timings: of the batch, if it is traced"""
        self._seconds: dict[str, float] = {}
        self.timings = timings

    def add(self, name: str, seconds: float) -> None:
        """Add to a step, by its name as a label."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds
        if self.timings and seconds > 0:
            self.timings.note(name, seconds)

    def note(self, step: str, seconds: float) -> None:
        """Add to a step, by the name of its function."""
        if name := _NAMES.get(step):
            self.add(name, seconds)

    def around(self, name: str, act: Callable[P, R], *, within: str = "") -> Callable[P, R]:
        """Return the same function with its time added.

        :param within: the step that it is called in, whose time is without it
        """

        def timed(*arguments: P.args, **named: P.kwargs) -> R:
            began = time.perf_counter()
            try:
                return act(*arguments, **named)
            finally:
                seconds = time.perf_counter() - began
                self.add(name, seconds)
                if within:
                    self.add(within, -seconds)

        return timed

    def observe(self) -> None:
        """Show the sums as metrics, once for the batch."""
        for name, seconds in self._seconds.items():
            metrics.step_seconds[name].observe(seconds)
