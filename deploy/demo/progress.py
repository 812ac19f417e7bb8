"""A progress bar: one line that moves on a terminal, a few lines elsewhere."""

from __future__ import annotations

import sys
import time

WIDTH = 30  # characters


class Progress:
    """Shows how much of `total` is done."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._shown_quarter = 0
        self._started = time.monotonic()

    def advance(self, count: int) -> None:
        """Add to the count and redraw the line."""
        self._done += count
        if sys.stdout.isatty():
            print(f"\r{self._line()}", end="\n" if self._done >= self._total else "", flush=True)
            return
        quarter = 4 * self._done // self._total
        if quarter > self._shown_quarter:
            self._shown_quarter = quarter
            print(self._line(), flush=True)

    def _line(self) -> str:
        share = self._done / self._total
        bar = ("#" * round(share * WIDTH)).ljust(WIDTH, ".")
        rate = self._done / max(time.monotonic() - self._started, 0.001)
        return f"[{bar}] {self._done:>6,} of {self._total:,} events, {rate:,.0f}/s"
