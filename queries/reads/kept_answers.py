"""Answers about stored events that are kept in Redis, and used again only while they are right.

An answer is kept with PostgreSQL's snapshot from before it was read. It is used again if no transaction that this snapshot does
not see has marked anything among the answer's sources and hours (processing.stores.change_marks), and no other revision of the
logic, which may declare other units, was made current. PostgreSQL is asked that each time: Redis holds no version, so it can't be
behind, and without Redis answers are read as ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec
from django.db import connection

from processing.stores.change_marks import MARKS_LAST
from queries.reads import cache, condition, postgres
from queries.reads.condition import Condition
from queries.reads.subject import Subject

PAST_KEPT = MARKS_LAST / 2  # answers whose range ended an hour ago
PRESENT_KEPT = timedelta(seconds=2)
_PAST = timedelta(hours=1)

State = Literal["hit", "miss", "bypass"]

# Another server, or one whose past is another, counts transactions anew; a standby has none of its own.
_NOW = """
SELECT pg_current_snapshot()::text, extract(epoch FROM now())::float8,
    CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
    (SELECT coalesce(max(id), 0) FROM logic_activation)
"""


class Version(NamedTuple):
    """When something was read, as PostgreSQL counts transactions."""

    snapshot: str
    at: float  # seconds since the epoch, PostgreSQL's clock
    timeline: str
    activation: int  # of the logic, the last one


class _Kept(msgspec.Struct, array_like=True):
    """An answer as Redis holds it."""

    version: Version
    body: msgspec.Raw


class Answer(NamedTuple):
    """The bytes of an answer in JSON, and whether they had been kept."""

    body: bytes
    state: State


def read(key: str, *, subject: Subject, now: datetime, answer: Callable[[], object], is_moving: bool = False) -> Answer:
    """Return the kept answer if it is right, or read and keep it.

    :param key: its kind, a dot, and everything that distinguishes the answer but the reader's scope
    :param is_moving: the same key is another range of time a moment later
    :raises ReadUnavailable: PostgreSQL does not answer
    :raises QueryTimeout: it takes too long
    """
    kind, _, rest = key.partition(".")
    name = cache.name_of(f"{kind}.{hashlib.sha256(rest.encode()).hexdigest()}", subject.sources)
    lasts = (PAST_KEPT if _is_past(subject, now) and not is_moving else PRESENT_KEPT).total_seconds()
    kept = cache.get(name, shape=_Kept)
    with postgres.bounded(postgres.QUERY_SECONDS):
        version, is_right = _compare(None if kept is None else kept.version, subject, lasts)
        if kept is not None and is_right:
            return Answer(bytes(kept.body), "hit")
        body = msgspec.json.encode(answer())
    value = _Kept(version, msgspec.Raw(body))
    is_kept = version.timeline != "" and cache.put(name, value, seconds=lasts)
    return Answer(body, "miss" if is_kept else "bypass")


def _is_past(subject: Subject, now: datetime) -> bool:
    return subject.end is not None and subject.end < now - _PAST


def _compare(kept: Version | None, subject: Subject, lasts: float) -> tuple[Version, bool]:
    """Return the present version, and whether an answer of another one is right."""
    changed = Condition("NULL::boolean", []) if kept is None else _changed(kept, subject)
    with connection.cursor() as cursor:
        cursor.execute(f"{_NOW}, {changed.text}", changed.values)
        *found, is_changed = cursor.fetchone() or ("", 0.0, "", 0, None)
    version = Version(*found)
    if kept is None or is_changed or kept.activation != version.activation:
        return version, False
    return version, kept.timeline == version.timeline != "" and 0 <= version.at - kept.at < lasts


def _changed(kept: Version, subject: Subject) -> Condition:
    """Return the condition that something of a subject has changed since, or that it can't be told."""
    own = condition.all_of(condition.of_scope(subject.sources), _hours(subject))
    return Condition(
        f"""EXISTS (SELECT FROM change_mark WHERE {own.text} AND changed >= pg_snapshot_xmin(%s::pg_snapshot)
            AND NOT pg_visible_in_snapshot(changed, %s::pg_snapshot))
        OR pg_snapshot_xmax(%s::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot())""",
        [*own.values, *[kept.snapshot] * 3],
    )


def _hours(subject: Subject) -> Condition:
    hours = condition.all_of(
        # The first times of the calendar have no hour before them, but for PostgreSQL.
        Condition("hour > %s::timestamptz - interval '1 hour'", [subject.start]) if subject.start else condition.TRUE,
        Condition("hour < %s", [subject.end]) if subject.end else condition.TRUE,
    )
    if hours == condition.TRUE:
        return hours
    return Condition(f"({hours.text} OR hour = '-infinity')", hours.values)
