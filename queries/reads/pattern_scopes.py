"""The scope of a reader whose sources are named by ids and patterns: the sources that these stand for now."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable

from ingestion.auth import source_patterns
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from ingestion.problems import Code, RequestRejected
from queries.reads import known_sources
from queries.reads.known_sources import TooManySources

# How late a new source is seen. Many sources take longer to find, and are kept for longer: a tenth of one core at most.
KEPT_FOR = 1.0  # seconds
KEPT_PER_SECOND = 10.0
MAX_SOURCES = 100_000  # of one reader
# Of all readers in the cache of one process, some 20 MB. One that is alone may have more.
MAX_CACHED = 200_000

_cached: OrderedDict[frozenset[str], tuple[float, ReadScope]] = OrderedDict()  # until when, on the monotonic clock
_lock = threading.Lock()


def find(patterns: Iterable[str]) -> ReadScope:
    """Return the scope; reads PostgreSQL unless it did so within the last second. Call it outside of other reads.

    :raises RequestRejected: the patterns stand for more than MAX_SOURCES
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    wanted = frozenset(patterns)
    split = source_patterns.split(wanted)
    if split is None:
        return EVERYTHING
    if not split.beginnings:
        return ReadScope(split.ids)
    began = time.monotonic()
    with _lock:
        until, kept = _cached.get(wanted, (0.0, None))
    if kept is not None and began < until:
        return kept
    found = _resolve(wanted)
    now = time.monotonic()
    _keep(wanted, now + max(KEPT_FOR, (now - began) * KEPT_PER_SECOND), found)
    return found


def _resolve(patterns: frozenset[str]) -> ReadScope:
    try:
        return ReadScope(known_sources.resolve(patterns, scope=EVERYTHING, limit=MAX_SOURCES))
    except TooManySources as error:
        detail = f"the patterns of this key or user stand for more than {MAX_SOURCES} sources; it needs narrower ones"
        raise RequestRejected(Code.FORBIDDEN, detail) from error


def _keep(patterns: frozenset[str], until: float, scope: ReadScope) -> None:
    with _lock:
        _cached[patterns] = until, scope
        _cached.move_to_end(patterns)
        while len(_cached) > 1 and sum(1 + len(kept.sources or ()) for _, kept in _cached.values()) > MAX_CACHED:
            _cached.popitem(last=False)
