"""Short-lived cache of answers in Redis. It saves reads; correctness does not depend on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar, cast

from django.core.cache import cache

Answer = TypeVar("Answer")

# Redis is skipped for this long after it failed or was slow, so that it does not slow down every answer.
PAUSE = 5.0  # seconds
TOO_SLOW = 0.04  # seconds

_paused_until = 0.0  # time.monotonic()


def remembered(key: str, *, seconds: float, read: Callable[[], Answer]) -> Answer:
    """Return the cached answer, or read it and cache it for `seconds`."""
    kept = _timed(lambda: cache.get(key))
    if kept is not None:
        return cast("Answer", kept)
    answer = read()
    _timed(lambda: cache.set(key, answer, timeout=seconds))
    return answer


def _timed(ask: Callable[[], object]) -> object:
    global _paused_until  # noqa: PLW0603 - state of the whole process
    started = time.monotonic()
    if started < _paused_until:
        return None
    # The cache ignores errors (IGNORE_EXCEPTIONS); a refused connection costs no time.
    answer = ask()
    ended = time.monotonic()
    if ended - started > TOO_SLOW:
        _paused_until = ended + PAUSE
    return answer
