"""The rules that are for some sources, for readers of these alone: their names, and what they took from these sources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypedDict

from django.db import connection

from ingestion.auth import source_patterns
from ingestion.auth.read_scope import ReadScope
from processing.logic.content import Content, RuleContent
from processing.logic.revisions import rows
from queries.logic.rule_activity import MINUTES
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable

Taken = Mapping[str, tuple[int, int]]  # rejected and dropped, by rule


class OwnRule(TypedDict):
    """A rule for sources of the reader. What it says may name others, so it is left out."""

    name: str
    enabled: bool
    rejected: int | None  # in the last hour, of these sources; None: not known
    dropped: int | None


def read(*, scope: ReadScope, now: datetime) -> list[OwnRule]:
    """Return the rules of the current logic that are for one of the sources in the scope, in their order.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded(), connection.cursor() as cursor:
        content = rows.content_of(cursor, rows.current(cursor).number)
    taken = _taken(scope, now)
    return [_shape(rule, taken) for rule in content.rules if _is_for(rule, content, scope)]


def _shape(rule: RuleContent, taken: Taken | None) -> OwnRule:
    rejected, dropped = (None, None) if taken is None else taken.get(rule.name, (0, 0))
    return {"name": rule.name, "enabled": rule.enabled, "rejected": rejected, "dropped": dropped}


def _is_for(rule: RuleContent, content: Content, scope: ReadScope) -> bool:
    own = scope.sources or frozenset()
    if rule.labels:
        # A content has the labels of all sources that its rules look at.
        known = {source: content.labels[source] for source in own & content.labels.keys()}
        own = frozenset(source for source, labels in known.items() if rule.labels.items() <= labels.items())
    named = source_patterns.split(rule.sources) if rule.sources else None
    if named is None:
        return bool(own)
    return not own.isdisjoint(named.ids) or any(source.startswith(named.beginnings) for source in own)


def _taken(scope: ReadScope, now: datetime) -> Taken | None:
    """Return what rules took in the last hour; None: PostgreSQL does not answer in time."""
    own, values = scope.condition()
    statement = f"""
        SELECT name, sum(rejected)::bigint, sum(dropped)::bigint FROM rule_count
        WHERE kind = 'rule' AND minute > %s AND {own} GROUP BY name
    """  # noqa: S608 - made of constants
    try:
        with postgres.bounded(), connection.cursor() as cursor:
            cursor.execute(statement, [now - timedelta(minutes=MINUTES), *values])
            return {name: (rejected, dropped) for name, rejected, dropped in cursor.fetchall()}
    except ReadUnavailable:
        return None
