"""The state of every source in a scope, worst first; kept in the memory of the process for a moment."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from queries.reads import postgres
from queries.sources.health import backlog, facts
from queries.sources.health.state import STATES, Facts, State, decide

LEAST_KEPT = 2.0  # seconds
# Of the time that it took: so the states of 100,000 sources, which take a second, cost a tenth of a core at most.
KEPT_TIMES = 10.0
MOST_ROWS = 300_000  # of all kept scopes, some 300 bytes each
FACETS = 30

RANK = {state: rank for rank, state in enumerate(STATES)}

# Those that name units are no labels to choose sources by.
_LABELS = """
SELECT l.key, l.value, count(*) FROM source, jsonb_each_text(labels) AS l
WHERE l.key <> 'unit' AND l.key NOT LIKE 'unit.%%' AND {own} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %s
"""


class Judged(NamedTuple):
    """A source and how it is."""

    rank: int
    source_id: str
    state: State
    facts: Facts


class Facet(NamedTuple):
    """A label, and how many sources have it."""

    name: str
    value: str
    sources: int


@dataclass(frozen=True, slots=True)
class Index:
    """The sources of a scope, worst first."""

    at: datetime
    sources: Sequence[Judged]
    counts: Counter[State]
    labels: Sequence[Facet]


_kept: dict[tuple[str, str], tuple[float, Index]] = {}  # by database and scope: until when, time.monotonic()
_lock = Lock()


def read(*, scope: ReadScope, now: datetime) -> Index:
    """Return how the sources in a scope are, some seconds old at most.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    began, name = time.monotonic(), (str(connection.settings_dict["NAME"]), scope.cache_key)
    with _lock:
        found = _kept.get(name)
    if found is not None and began < found[0]:
        return found[1]
    index = fresh(scope=scope, now=now)
    ended = time.monotonic()
    with _lock:
        if sum(len(each.sources) for _, each in _kept.values()) > MOST_ROWS:
            _kept.clear()
        _kept[name] = ended + max(LEAST_KEPT, KEPT_TIMES * (ended - began)), index
    return index


def fresh(*, scope: ReadScope, now: datetime) -> Index:
    """Return the same, as of now.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    ends = backlog.ends()
    with postgres.bounded():
        found = facts.read(scope, backlog.read(ends, now=now), now=now)
        labels = _labels(scope)
    at = now.timestamp()
    judged = []
    for each in found:
        state = decide(each, now=at)
        judged.append(Judged(RANK[state], each.source_id, state, each))
    judged.sort()
    return Index(now, judged, Counter(each.state for each in judged), labels)


def forget() -> None:
    """Forget what is kept, so that a change shows at once."""
    with _lock:
        _kept.clear()


def _labels(scope: ReadScope) -> list[Facet]:
    own, values = scope.condition()
    with connection.cursor() as cursor:
        cursor.execute(_LABELS.format(own=own), [*values, FACETS])
        return [Facet(*row) for row in cursor.fetchall()]
