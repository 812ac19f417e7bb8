"""Tries a rule, as it is being written, on the newest stored events; nothing is saved."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TypedDict

import msgspec
from django.db import connection

from ingestion.auth.read_scope import ReadScope
from processing.events.entries import Entry
from processing.logic import edits
from processing.logic.content import Content
from processing.logic.engine import Logic
from processing.logic.explaining import explain_event
from processing.logic.faults import InvalidLogic
from processing.logic.revisions import labels, loading, rows
from processing.logic.rules.explain import Leaf, Step
from processing.logic.rules.rule import Rule
from processing.trials.examples import Difference, example
from processing.trials.verdicts import Verdict, differ, verdicts
from queries.reads import postgres
from queries.rule_trials import matching_sources, recent_events

EVENTS = 20
MAX_SOURCES = 50  # whose newest events are merged
SECONDS = 10.0
DRAFT = -1  # the number of a revision that is not saved
_NO_VALUES: dict[str, str] = {}


class TriedField(TypedDict):
    """A field that logic changes; its values as JSON, None where there is nothing or the reader may not see them."""

    pointer: str
    before: str | None
    after: str | None


class UnmetCondition(TypedDict):
    """A part of the condition that was not true, and what its names stood for."""

    text: str
    unknown: bool  # a field is missing or of another type
    values: dict[str, str]


class TriedEvent(TypedDict):
    """What becomes of one event."""

    eventId: str
    sourceId: str
    timestamp: str
    outcome: str  # of the rule: applied, not applied, skipped, failed, or other source
    skippedBy: str  # the rule before, which ended the run
    fate: str  # of the event, by all rules and schemas: stored, rejected, dropped
    by: str  # the rule or schema that rejected or dropped it
    reason: str
    tags: list[str]
    fields: list[TriedField]  # by all rules
    unmet: list[UnmetCondition]
    different: bool  # the current revision makes something else of it


class RuleTrial(TypedDict):
    """What a rule would do with the newest events."""

    events: list[TriedEvent]
    outcomes: dict[str, int]  # of the rule
    fates: dict[str, int]
    different: int


def run(
    content: Content, name: str, rules: list[Rule], *, source: str | None, scope: ReadScope, raw: bool
) -> RuleTrial:
    """Try a rule among the others of a checked content, as if it were enabled.

    :param rules: what the check of the content returned
    :param source: whose events; None: those of the rule's sources
    :param raw: the reader may see what was sent
    :raises ReadUnavailable: PostgreSQL does not answer
    :raises DocumentsUnavailable: MongoDB does not answer
    """
    scope.require_whole()
    rule = edits.find_rule(content, name)
    with postgres.bounded(SECONDS):
        tried, present = _logics(edits.switched(content, name, enabled=True), rules)
        is_for_all = not rule.sources and not rule.labels
        sources = (
            [source] if source
            else None if is_for_all
            else matching_sources.newest(rule.sources, rule.labels, scope=scope, count=MAX_SOURCES)
        )  # fmt: skip
    entries = recent_events.read(sources, scope=scope, count=EVENTS)
    found, now = verdicts(tried.judge(entries), entries), verdicts(present.judge(entries), entries)
    events = [
        _event(entry, verdict, tried, name, different=differ(verdict, other, entry.values), raw=raw)
        for entry, verdict, other in zip(entries, found, now, strict=True)
    ]
    return {
        "events": events,
        "outcomes": dict(Counter(event["outcome"] for event in events)),
        "fates": dict(Counter(event["fate"] for event in events)),
        "different": sum(event["different"] for event in events),
    }


def _logics(content: Content, rules: list[Rule]) -> tuple[Logic, Logic]:
    """Return the logic that is tried, and the current one; none, if this release can't read it."""
    labelled = msgspec.structs.replace(content, labels=labels.of(rules))
    with connection.cursor() as cursor:
        named, _ = loading.find_named(cursor, labelled)
        tried = Logic(DRAFT, labelled, named.schemas, named.tables)
        try:
            return tried, loading.load(cursor, rows.current(cursor).number)
        except InvalidLogic:
            return tried, Logic(rows.NO_LOGIC)


def _event(entry: Entry, verdict: Verdict, tried: Logic, name: str, *, different: bool, raw: bool) -> TriedEvent:
    told = explain_event(tried, entry.values, source=entry.source, ts=entry.ts, received=entry.received)
    step = next((step for step in told.rules if step.rule == name), None)
    shown = example(entry, verdict, different=different)
    return {
        "eventId": shown.event_id,
        "sourceId": shown.source_id,
        "timestamp": shown.timestamp,
        "outcome": _outcome(step, is_judged=bool(told.rules), is_for_source=_is_for(tried, name, entry.source)),
        "skippedBy": step.skipped_by if step else "",
        "fate": shown.fate,
        "by": shown.rule,
        "reason": shown.reason,
        "tags": shown.tags,
        "fields": [_field(each, raw=raw) for each in shown.fields],
        "unmet": list(_unmet(step.leaves if step else [], raw=raw)),
        "different": different,
    }


def _is_for(tried: Logic, name: str, source: str) -> bool:
    return any(rule.name == name for rule in tried.rules_of(source))


def _outcome(step: Step | None, *, is_judged: bool, is_for_source: bool) -> str:
    if step is not None:
        return step.outcome
    return "skipped" if is_for_source and not is_judged else "other source"


def _field(found: Difference, *, raw: bool) -> TriedField:
    return {
        "pointer": found.pointer,
        "before": _text(found.before) if raw else None,
        "after": _text(found.after) if raw else None,
    }


def _text(value: msgspec.Raw | msgspec.UnsetType) -> str | None:
    return None if isinstance(value, msgspec.UnsetType) else bytes(value).decode()


def _unmet(leaves: list[Leaf], *, raw: bool) -> Iterator[UnmetCondition]:
    for leaf in leaves:
        values = {name: json.dumps(value, ensure_ascii=False) for name, value in leaf.values.items()}
        yield {"text": leaf.text, "unknown": leaf.result is None, "values": values if raw else _NO_VALUES}
