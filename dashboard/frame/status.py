"""The status line of the frame, kept for a moment so that it costs a page next to nothing."""

from __future__ import annotations

import time
from threading import Lock

from dashboard.panels import status_line
from dashboard.panels.status_line import StatusLine
from ingestion.auth.read_scope import ReadScope

FRESH_SECONDS = 1.0
# While a server does not answer each read waits for it; the page's own live feed says when it is back.
FRESH_SECONDS_OF_TROUBLE = 4.0
MOST_SCOPES = 1_000

_kept: dict[str, tuple[float, StatusLine]] = {}
_lock = Lock()


def read(*, scope: ReadScope) -> StatusLine:
    """Return the state of the pipeline for the readers of a scope, some seconds old at most."""
    now = time.monotonic()
    with _lock:
        found = _kept.get(scope.cache_key)
    if found is not None and now < found[0]:
        return found[1]
    line = status_line.read(scope=scope)
    fresh = FRESH_SECONDS if line["tone"] == "good" else FRESH_SECONDS_OF_TROUBLE
    with _lock:
        if len(_kept) >= MOST_SCOPES:
            _kept.clear()
        _kept[scope.cache_key] = time.monotonic() + fresh, line
    return line
