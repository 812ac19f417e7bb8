"""The current logic for people: its rules in their order, with what each of them and each schema did in the last hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypedDict

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from ingestion.events.timestamps import to_text_if_known
from processing.logic.content import RuleContent, SchemaContent, UnitContent
from processing.logic.revisions import rows
from processing.models import Incident, LogicActivation, RuleCount
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable

MINUTES = 60
# Actions of a rule that leave their mark on the events that it lets pass.
CHANGING = ("set", "remove", "rename", "tag", "untag")
ENDING = ("reject", "drop")

# Only the newest minutes, by the index on `minute`; of a rule and minute there is a row for each partition, and for each source
# whose events it rejected or dropped.
_COUNTS = """
SELECT kind, name, minute, sum(applied)::bigint, sum(rejected)::bigint, sum(dropped)::bigint, sum(unknown)::bigint,
       sum(missed)::bigint, sum(errors)::bigint
FROM rule_count WHERE minute > %s AND minute <= %s GROUP BY kind, name, minute
"""
_NAMES = ("matched", "rejected", "dropped", "unknown", "missed", "errors")


class HourCounts(TypedDict):
    """What a rule or schema did in the last hour, by the minute in which its events were received."""

    matched: int  # events for which `when` was true, or which violated the schema
    changed: int  # of those, the ones whose row has the rule's mark
    rejected: int
    dropped: int
    unknown: int  # actions without a result
    missed: int  # lookups that found nothing
    errors: int  # events that the rule failed on, which went on without it
    minutes: list[int]  # matched in each minute, the oldest first


class RuleState(TypedDict):
    """A rule of the current logic."""

    name: str
    place: int  # in the order, from 1
    enabled: bool
    sources: list[str]
    labels: dict[str, str]
    when: str
    actions: list[str]
    note: str
    examples: int
    hour: HourCounts | None  # None: not known


class SchemaState(TypedDict):
    """A schema that the current logic uses."""

    name: str
    version: int
    sources: list[str]
    mode: str
    check: str
    hour: HourCounts | None


class LogicNow(TypedDict):
    """The current logic."""

    number: int  # 0: nothing is done with events
    newest: int  # the revision that was saved last, which may be a draft
    since: str | None
    who: str | None
    reason: str | None
    rules: list[RuleState]
    schemas: list[SchemaState]
    tables: dict[str, int]  # version by name
    units: list[UnitContent]
    paused: dict[str, str]  # rules that failed too often, and what was said of it
    counted: bool  # false: what rules did in the last hour is not known


Hours = Mapping[tuple[str, str], HourCounts]


def read(*, scope: ReadScope, now: datetime) -> LogicNow:
    """Return the current logic, and what it did in the last hour.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    with postgres.bounded(), connection.cursor() as cursor:
        number, newest = rows.current(cursor).number, rows.newest(cursor).number
        content = rows.content_of(cursor, number)
        last = LogicActivation.objects.first()
        paused = dict(Incident.objects.filter(kind=Incident.Kind.LOGIC, until=None).values_list("subject", "detail"))
    found = _hours(now)
    disabled = {rule.name for rule in content.rules if not rule.enabled}
    return {
        "number": number,
        "newest": newest,
        "since": to_text_if_known(last.at if last else None),
        "who": last.who if last else None,
        "reason": last.reason if last else None,
        "rules": [_rule(rule, place, found) for place, rule in enumerate(content.rules, start=1)],
        "schemas": [_schema(use, found) for use in content.schemas],
        "tables": content.tables,
        "units": content.units,
        "paused": {name: detail for name, detail in paused.items() if name in disabled},
        "counted": found is not None,
    }


def _hours(now: datetime) -> Hours | None:
    """Return what rules and schemas did in the last hour, by kind and name; None: PostgreSQL does not answer in time."""
    last = now.replace(second=0, microsecond=0)
    try:
        with postgres.bounded(), connection.cursor() as cursor:
            cursor.execute(_COUNTS, [last - timedelta(minutes=MINUTES), last])
            minutes = cursor.fetchall()
    except ReadUnavailable:
        return None
    found: defaultdict[tuple[str, str], HourCounts] = defaultdict(_nothing)
    for kind, name, minute, *counts in minutes:
        hour = found[kind, name]
        for member, count in zip(_NAMES, counts, strict=True):
            hour[member] += count  # type: ignore[literal-required]
        age = int((last - minute).total_seconds()) // 60
        hour["minutes"][MINUTES - 1 - age] += counts[0]
    return found


def _schema(use: SchemaContent, found: Hours | None) -> SchemaState:
    return {
        "name": use.name,
        "version": use.version,
        "sources": use.sources,
        "mode": use.mode,
        "check": use.check,
        "hour": None if found is None else found.get((RuleCount.Kind.SCHEMA, use.name), _nothing()),
    }


def _rule(rule: RuleContent, place: int, found: Hours | None) -> RuleState:
    return {
        "name": rule.name,
        "place": place,
        "enabled": rule.enabled,
        "sources": rule.sources,
        "labels": rule.labels,
        "when": rule.when,
        "actions": rule.actions,
        "note": rule.note,
        "examples": len(rule.examples),
        "hour": None if found is None else _with_changed(found.get((RuleCount.Kind.RULE, rule.name), _nothing()), rule),
    }


def _with_changed(hour: HourCounts, rule: RuleContent) -> HourCounts:
    """Return the counts with the events that the rule changed: all that it matched, unless it ends them."""
    words = {action.split(maxsplit=1)[0] for action in rule.actions if action.strip()}
    changes = not words.isdisjoint(CHANGING) and words.isdisjoint(ENDING)
    return {**hour, "changed": max(0, hour["matched"] - hour["rejected"] - hour["dropped"]) if changes else 0}


def _nothing() -> HourCounts:
    return {
        "matched": 0, "changed": 0, "rejected": 0, "dropped": 0, "unknown": 0, "missed": 0, "errors": 0,
        "minutes": [0] * MINUTES,
    }  # fmt: skip
