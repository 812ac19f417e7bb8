"""How many exports one process runs at one time: each has a connection to PostgreSQL and holds a snapshot."""

from __future__ import annotations

import threading

from django.conf import settings

from ingestion.problems import Code, RequestRejected

RETRY_AFTER = b"30"  # seconds; an export takes from seconds to minutes

_lock = threading.Lock()
_taken = 0


class Slot:
    """The right to run one export."""

    def __init__(self) -> None:
        """:raises RequestRejected: as many run as may"""
        global _taken  # noqa: PLW0603 - one number for the process
        with _lock:
            if _taken >= settings.DATAFLOW_EXPORTS:
                raise RequestRejected(
                    Code.OVERLOADED,
                    "as many exports run as may at one time; ask again later",
                    headers=[(b"retry-after", RETRY_AFTER)],
                )
            _taken += 1
        self._is_held = True

    def free(self) -> None:
        """Return it; any further time does nothing."""
        global _taken  # noqa: PLW0603
        with _lock:
            if self._is_held:
                self._is_held = False
                _taken -= 1
