"""How long the newest events took from their receipt to PostgreSQL."""

from __future__ import annotations

from typing import TypedDict

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from queries.reads import cache, postgres

EVENTS = 1_000  # the newest ones by event time
KEPT_FOR = 2.0  # seconds
# Rows of a replay or a mended letter were received long before: they say nothing of what comes now.
_ASKED = """
SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY greatest(0, extract(epoch FROM stored - received)))
FROM (SELECT stored, received FROM events
    WHERE ts > now() - interval '1 hour' AND ts < now() + interval '1 hour' AND received > now() - interval '1 hour'
    AND replay IS NULL AND {own} ORDER BY ts DESC LIMIT %s) AS newest
"""


class Freshness(TypedDict):
    """Seconds from receipt to store, of the events of the last hour; None: there were none."""

    p50: float | None
    p99: float | None


def read(*, scope: ReadScope) -> Freshness:
    """Return the percentiles.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    return cache.remembered("freshness", scope=scope, shape=Freshness, seconds=KEPT_FOR, read=lambda: _read(scope))


def _read(scope: ReadScope) -> Freshness:
    own, values = scope.condition()
    with postgres.bounded(), connection.cursor() as cursor:
        cursor.execute(_ASKED.format(own=own), [*values, EVENTS])
        [(found,)] = cursor.fetchall()
    return {"p50": None, "p99": None} if found is None else {"p50": found[0], "p99": found[1]}
