"""Short-lived cache of answers in Redis. It saves reads; correctness does not depend on it.

Values are JSON, signed for their key and of a declared shape: anything else counts as not cached.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
from django_prometheus.cache import metrics
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from ingestion.auth.read_scope import ReadScope
from ingestion.runtime import signed_values
from queries.reads.cache_budget import CacheBudget

Answer = TypeVar("Answer")

# Redis is skipped for this long after it failed or was slow, so that it does not slow down every answer.
PAUSE = 5.0  # seconds
TOO_SLOW = 0.04  # seconds
PREFIX = "dataflow:cache:"
_BACKEND = "redis"  # as django-prometheus names it

logger = logging.getLogger(__name__)
budget = CacheBudget()
_paused_until = 0.0  # time.monotonic()


def remembered(
    key: str, *, scope: ReadScope, shape: type[Answer], seconds: float, read: Callable[[], Answer]
) -> Answer:
    """Return the cached answer, or read it and cache it for `seconds`. Readers of other scopes never get it.

    :param key: as for `name_of`
    :param shape: the type of the answer, made of JSON's types; what has another one is not used
    """
    name = name_of(key, scope)
    found = get(name, shape=shape)
    if found is not None:
        return found
    answer = read()
    put(name, answer, seconds=seconds)
    return answer


def name_of(key: str, scope: ReadScope) -> str:
    """Return the name of an answer for the readers of a scope.

    :param key: its subject, then a dot and whatever distinguishes the answer; the subject has a budget of its own
    """
    return f"{PREFIX}{key}.{scope.cache_key}"


def get(name: str, *, shape: type[Answer]) -> Answer | None:
    """Return the cached answer; None: there is none, or Redis does not answer."""
    # These answers don't pass through Django's cache, whose backend would count them; under the same names they are one cache.
    metrics.django_cache_get_total.labels(backend=_BACKEND).inc()
    kept = _timed(lambda: get_redis_connection("default").get(name))
    found = None if kept is None else _read(name, kept, shape)
    (metrics.django_cache_misses_total if found is None else metrics.django_cache_hits_total).labels(_BACKEND).inc()
    return found


def put(name: str, answer: object, *, seconds: float) -> bool:
    """Cache an answer; return whether it was done."""
    value = _write(name, answer, until=time.time() + seconds)
    if not budget.spend(name.removeprefix(PREFIX).partition(".")[0], len(value), now=time.monotonic()):
        return False
    return _timed(lambda: get_redis_connection("default").set(name, value, px=round(seconds * 1000))) is not None


def _write(name: str, answer: object, *, until: float) -> bytes:
    return signed_values.sign(name, msgspec.json.encode((until, answer)))


def _read(name: str, value: object, shape: type[Answer]) -> Answer | None:
    body = signed_values.verify(name, value)
    if body is None:
        return None
    try:
        until, answer = msgspec.json.decode(body, type=tuple[float, shape])  # type: ignore[valid-type]
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Of another release.
        return None
    # Someone may have written an old value again.
    return answer if time.time() < until else None


def _timed(ask: Callable[[], object]) -> object:
    global _paused_until  # noqa: PLW0603 - state of the whole process
    started = time.monotonic()
    if started < _paused_until:
        return None
    try:
        answer = ask()
    except RedisError as error:
        # A refused connection costs no time, and what is of the wrong type is written over.
        logger.debug("answer not cached", extra={"reason": type(error).__name__})
        answer = None
    ended = time.monotonic()
    if ended - started > TOO_SLOW:
        _paused_until = ended + PAUSE
    return answer
