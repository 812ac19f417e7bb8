"""Answers kept in Redis for a moment: makes pages cheaper, is never needed for them to be right."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar, cast

from django.core.cache import cache

Answer = TypeVar("Answer")

# Redis is not asked again for so long after it failed or was slow, so that it can't slow every answer.
PAUSE = 5.0  # seconds
TOO_SLOW = 0.04  # seconds

_paused_until = 0.0  # time.monotonic()


def remembered(key: str, *, seconds: float, read: Callable[[], Answer]) -> Answer:
    """Give the kept answer, or read it and keep it so long."""
    kept = _timed(lambda: cache.get(key))
    if kept is not None:
        return cast("Answer", kept)
    answer = read()
    _timed(lambda: cache.set(key, answer, timeout=seconds))
    return answer


def _timed(ask: Callable[[], object]) -> object:
    global _paused_until  # noqa: PLW0603 - one process, one opinion on Redis
    started = time.monotonic()
    if started < _paused_until:
        return None
    # Errors are swallowed by the cache (IGNORE_EXCEPTIONS): one that is refused at once costs nothing.
    answer = ask()
    ended = time.monotonic()
    if ended - started > TOO_SLOW:
        _paused_until = ended + PAUSE
    return answer
