"""Measures when the effects of each record became visible, by polling the consumer's progress."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import defaultdict

from deploy.bench.stores import Stores

PROBE_EVERY = 0.01  # seconds: the resolution of the figure; one probe reads a row per partition


class Probe:
    """Polls the table `progress`, which moves in the very transaction that makes the rows visible."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        # partition -> next offsets as they were seen, and when
        self._offsets: dict[int, list[int]] = defaultdict(list)
        self._moments: dict[int, list[float]] = defaultdict(list)

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def visible_at(self, partition: int, offset: int) -> float:
        """Return when the effects of the record at this offset were first visible, in seconds since the epoch."""
        place = bisect_right(self._offsets[partition], offset)
        return self._moments[partition][place]

    def _watch(self) -> None:
        with self._stores.connect() as connection:
            while not self._stop.wait(PROBE_EVERY):
                rows = connection.execute("SELECT partition, next_offset FROM progress").fetchall()
                self._note(rows, time.time())

    def _note(self, rows: list[tuple[int, int]], moment: float) -> None:
        for partition, next_offset in rows:
            seen = self._offsets[partition]
            if not seen or next_offset > seen[-1]:
                seen.append(next_offset)
                self._moments[partition].append(moment)
