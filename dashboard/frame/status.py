"""The status line of the frame, kept for a moment so that it costs a page next to nothing."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from django.db import connections

from dashboard.panels import status_line
from dashboard.panels.status_line import StatusLine
from ingestion.auth.read_scope import ReadScope

FRESH_SECONDS = 1.0
# A server that does not answer holds up a page for its own reads; not once more for this line, which scripts keep current.
WAIT_SECONDS = 0.5
OLD_SECONDS = 5.0  # what was so longer ago may be over: then the line says that it does not know
MOST_SCOPES = 1_000

_NOT_YET: StatusLine = {
    "tone": "unknown",
    "word": status_line.WORDS["unknown"],
    "text": "The servers have not answered yet.",
    "openDeadLetters": "",
}
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="status-line")
_lock = Lock()


@dataclass(slots=True)
class _Kept:
    """The state for the readers of one scope."""

    line: StatusLine = field(default_factory=lambda: _NOT_YET)
    at: float = float("-inf")  # monotonic seconds
    asked: Future[StatusLine] | None = None


_kept: dict[str, _Kept] = {}


def read(*, scope: ReadScope) -> StatusLine:
    """Return the state of the pipeline for the readers of a scope. Takes WAIT_SECONDS at most."""
    with _lock:
        if len(_kept) >= MOST_SCOPES:
            _kept.clear()
        kept = _kept.setdefault(scope.cache_key, _Kept())
        if time.monotonic() - kept.at < FRESH_SECONDS:
            return kept.line
        kept.asked = kept.asked or _threads.submit(_ask, kept, scope)
        asked = kept.asked
    try:
        return asked.result(WAIT_SECONDS)
    except TimeoutError:
        return kept.line if time.monotonic() - kept.at < OLD_SECONDS else _NOT_YET


def _ask(kept: _Kept, scope: ReadScope) -> StatusLine:
    try:
        kept.line = status_line.read(scope=scope)
        kept.at = time.monotonic()
        return kept.line
    finally:
        # Not before whoever asked has noted this answer, which would otherwise stay for good.
        with _lock:
            kept.asked = None
        # An open connection would never go back to the pool.
        connections.close_all()
