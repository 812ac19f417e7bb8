"""Reads what the states of sources follow from: a few statements, whatever the number of sources."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from queries.sources.health import habits
from queries.sources.health.backlog import Partitions
from queries.sources.health.state import LEAST_LATE, SKEWED, Facts, Failures

LATELY = timedelta(minutes=30)
LEARN_FOR = 1.0  # seconds of one read

# Those of which anything was read, then those that are only registered: their events wait, or there are none yet.
_SOURCES = """
SELECT s.source_id, coalesce(r.enabled, true), extract(epoch FROM r.registered_at)::float8,
    extract(epoch FROM s.last_seen)::float8, s.read, s.stored, s.dead_lettered,
    extract(epoch FROM s.latest_event)::float8, r.expected_interval
FROM source_statistics AS s LEFT JOIN source AS r ON r.source_id = s.source_id WHERE s.source_id <> '' AND {heard}
UNION ALL
SELECT r.source_id, r.enabled, extract(epoch FROM r.registered_at)::float8, NULL, 0, 0, 0, NULL, r.expected_interval
FROM source AS r WHERE NOT EXISTS (SELECT FROM source_statistics AS s WHERE s.source_id = r.source_id) AND {registered}
"""
_FAILURES = """
SELECT l.source_id, sum(l.read)::bigint, sum(l.dead_lettered)::bigint,
    extract(epoch FROM max(l.minute) FILTER (WHERE l.dead_lettered > 0))::float8,
    extract(epoch FROM max(l.minute) FILTER (WHERE l.read > l.dead_lettered))::float8
FROM (SELECT DISTINCT source_id FROM ledger_minute WHERE dead_lettered > 0 AND minute >= %s AND {own}) AS bad
JOIN ledger_minute AS l ON l.source_id = bad.source_id AND l.minute >= %s GROUP BY l.source_id
"""
_SET_ASIDE = """
SELECT source_id, extract(epoch FROM until)::float8 FROM failing_source WHERE until > now() AND {own}
"""


def read(scope: ReadScope, where: Partitions, *, now: datetime) -> list[Facts]:
    """Return the facts of every source in a scope; call it inside `postgres.bounded`."""
    rows = _rows(scope)
    failures, aside = _failures(scope, now), _set_aside(scope)
    habits.learned(_candidates(rows, now.timestamp()), scope=scope, until=time.monotonic() + LEARN_FOR)
    troubled = failures.keys() | aside.keys()
    found: Iterable[Facts] = map(_with_habit, rows)
    if troubled:
        found = (
            each._replace(failures=failures.get(each.source_id), set_aside_until=aside.get(each.source_id))
            if each.source_id in troubled
            else each
            for each in found
        )
    return list(found if where.are_well else (_placed(each, where) for each in found))


def _rows(scope: ReadScope) -> list[Facts]:
    own, values = scope.condition()
    statement = _SOURCES.format(
        heard=own.replace("source_id", "s.source_id"), registered=own.replace("source_id", "r.source_id")
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, *values])
        return [Facts(*row) for row in cursor.fetchall()]


def _failures(scope: ReadScope, now: datetime) -> dict[str, Failures]:
    own, values = scope.condition()
    start = now - LATELY
    with connection.cursor() as cursor:
        cursor.execute(_FAILURES.format(own=own), [start, *values, start])
        return {source: Failures(*counts) for source, *counts in cursor.fetchall()}


def _set_aside(scope: ReadScope) -> dict[str, float]:
    own, values = scope.condition()
    with connection.cursor() as cursor:
        cursor.execute(_SET_ASIDE.format(own=own), values)
        return dict(cursor.fetchall())


def _candidates(rows: Iterable[Facts], now: float) -> dict[str, float]:
    """Return the sources whose habit decides their state, with when they were last seen."""
    return {
        each.source_id: each.last_seen
        for each in rows
        if each.last_seen is not None
        and (now - each.last_seen > LEAST_LATE or (each.skew is not None and abs(each.skew) > SKEWED))
    }


def _placed(facts: Facts, where: Partitions) -> Facts:
    """Return facts with those of the source's partition."""
    number, held_since, behind = where.of(facts.source_id)
    return facts._replace(partition=number, held_since=held_since, behind=behind)


def _with_habit(facts: Facts) -> Facts:
    habit = None if facts.last_seen is None else habits.known(facts.source_id, last_seen=facts.last_seen)
    if habit is None:
        return facts
    return facts._replace(
        usual=habit.interval, is_scarce=habit.interval is None and facts.expected is None, is_history=habit.is_history
    )
