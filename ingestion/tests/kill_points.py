"""Death by order: at each of its named points a process looks whether it is to end there.

The points are wrapped around the product from outside (ingestion.tests.killable_receiver and the consumer's like it in
processing); the product knows nothing of them. An order is a file, so that a process which is running can be given one.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KillOrder:
    """End by `signal` at the point after it was passed `passes` times."""

    point: str
    signal: signal.Signals
    passes: int = 0
    careful: bool = False  # the consumer is to go by way of staging until then


class KillOrders:
    """The file that holds one order, or is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def give(self, order: KillOrder) -> None:
        # At once, for one who reads it this moment.
        written = self._path.with_suffix(".written")
        written.write_text(f"{order.signal.name},{order.passes},{int(order.careful)},{order.point}")
        written.rename(self._path)

    def withdraw(self) -> None:
        self._path.unlink(missing_ok=True)

    def read(self) -> KillOrder | None:
        try:
            name, passes, careful, point = self._path.read_text().split(",")
        except FileNotFoundError:
            return None
        return KillOrder(point, signal.Signals[name], int(passes), careful == "1")

    def passing(self, point: str) -> None:
        """End here, if that is the order."""
        order = self.read()
        if order is None or order.point != point:
            return
        if order.passes:
            self.give(KillOrder(point, order.signal, order.passes - 1, order.careful))
            return
        self.withdraw()
        os.kill(os.getpid(), order.signal)
