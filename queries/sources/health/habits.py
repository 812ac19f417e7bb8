"""How often sources send, as learned from their newest events and the ledger, and kept in the memory of the process.

Only what a source has sent since can change it, so it is read again when that is a while ago. Sources whose last event is
seconds ago are live however often they send: nothing is read for them unless a page shows them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from queries.sources.health.interval import Habit, learn

EVENTS = 50  # of a source
MINUTES = 60
AGAIN = 600.0  # seconds after which the habit of a source that goes on sending is learned again
MOST = 200_000  # sources; some 200 bytes each
CHUNK = 500  # sources of one statement

_EVENTS = """
SELECT own.source, extract(epoch FROM e.received)::float8, extract(epoch FROM e.ts)::float8
FROM unnest(%s::text[]) AS own (source) CROSS JOIN LATERAL (
    SELECT received, ts FROM events WHERE source_id = own.source ORDER BY ts DESC, id DESC LIMIT %s) AS e
"""
# Minutes that are long past are added up by hour.
_MINUTES = """
SELECT own.source, extract(epoch FROM l.start)::float8 FROM unnest(%(sources)s::text[]) AS own (source)
CROSS JOIN LATERAL (
    (SELECT DISTINCT minute AS start FROM ledger_minute WHERE source_id = own.source ORDER BY 1 DESC LIMIT %(most)s)
    UNION
    (SELECT DISTINCT hour FROM ledger_hour WHERE source_id = own.source ORDER BY 1 DESC LIMIT %(most)s)
    ORDER BY 1 DESC LIMIT %(most)s) AS l
"""


class _Known(NamedTuple):
    habit: Habit
    last_seen: float  # of the source, when it was learned
    learned: float  # time.monotonic()


Key = tuple[str, str]  # the database, and a source

_known: dict[Key, _Known] = {}
_lock = Lock()


def known(source_id: str, *, last_seen: float) -> Habit | None:
    """Return the habit of a source; None: it is to be learned."""
    found = _known.get(_key(source_id))
    if found is None or (found.last_seen != last_seen and time.monotonic() > found.learned + AGAIN):
        return None
    return found.habit


def learned(seen: Mapping[str, float], *, scope: ReadScope, until: float) -> None:
    """Learn the habits of sources that are not known, as many as the time allows; call it inside `postgres.bounded`.

    :param seen: when each was last seen, seconds since the epoch
    :param until: time.monotonic() after which no further ones are read; the first ones are
    """
    wanted = [
        source for source, last in seen.items() if scope.includes(source) and known(source, last_seen=last) is None
    ]
    for first in range(0, len(wanted), CHUNK):
        part = wanted[first : first + CHUNK]
        _keep(part, seen, _read(part))
        if time.monotonic() > until:
            return


def _keep(sources: Sequence[str], seen: Mapping[str, float], habits: Mapping[str, Habit]) -> None:
    now = time.monotonic()
    with _lock:
        if len(_known) > MOST:
            _known.clear()
        _known.update((_key(source), _Known(habits[source], seen[source], now)) for source in sources)


def _read(sources: Sequence[str]) -> dict[str, Habit]:
    events: dict[str, list[tuple[float, float]]] = defaultdict(list)
    minutes: dict[str, list[float]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [list(sources), EVENTS])
        for source, received, own in cursor.fetchall():
            events[source].append((received, own))
        cursor.execute(_MINUTES, {"sources": list(sources), "most": MINUTES})
        for source, start in cursor.fetchall():
            minutes[source].append(start)
    return {source: learn(events[source], minutes[source]) for source in sources}


def forget(sources: Iterable[str] | None = None) -> None:
    """Forget what was learned; None: of all sources."""
    with _lock:
        for key in list(_known) if sources is None else map(_key, sources):
            _known.pop(key, None)


def _key(source: str) -> Key:
    return str(connection.settings_dict["NAME"]), source
