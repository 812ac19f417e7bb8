"""Waits for the stores in a thread of its own, while the load is sent from another."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Watch:
    """Calls `wait`, which returns a moment in seconds since the epoch, as soon as it is made."""

    def __init__(self, wait: Callable[[], float]) -> None:
        self._wait = wait
        self._moment = 0.0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def moment(self) -> float:
        """Return the moment as soon as it is there; raise what `wait` raised."""
        self._thread.join()
        if self._error:
            raise self._error
        return self._moment

    def _run(self) -> None:
        try:
            self._moment = self._wait()
        except Exception as error:  # noqa: BLE001 - raised again where it is asked for
            self._error = error
