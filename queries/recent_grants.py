"""Remembers for a moment what keys grant: readers ask many times a second, and a look-up takes longer than a kept answer."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from ingestion.auth import api_keys
from ingestion.auth.api_keys import Grant

KEPT_FOR = 1.0  # seconds; for so long a revoked key may go on reading
MOST = 1_000  # keys


class _Remembered(NamedTuple):
    grant: Grant
    until: float  # monotonic seconds
    changes: int  # of this process to keys, when it was looked up


_lock = threading.Lock()
_remembered: OrderedDict[str, _Remembered] = OrderedDict()


def find(digest: str, look_up: Callable[[], Grant | None]) -> Grant | None:
    """Return what the key with this digest grants; None: there is no such key, which is not remembered."""
    changes = api_keys.changes()
    with _lock:
        known = _remembered.get(digest)
    if (
        known is not None
        and known.until > time.monotonic()
        and known.changes == changes
        and not _is_expired(known.grant)
    ):
        return known.grant
    grant = look_up()
    if grant is not None:
        with _lock:
            _remembered[digest] = _Remembered(grant, time.monotonic() + KEPT_FOR, changes)
            _remembered.move_to_end(digest)
            if len(_remembered) > MOST:
                _remembered.popitem(last=False)
    return grant


def _is_expired(grant: Grant) -> bool:
    return grant.expires is not None and grant.expires <= time.time()
