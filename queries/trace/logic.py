"""What logic said of an event: each rule it met, and why it was applied or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from django.db import connection

from processing.logic.engine import NO_LOGIC, Logic
from processing.logic.explaining import Explanation, SchemaFinding, explain_event
from processing.logic.explanation_shapes import ChangeShape, LogicTrace, RuleFindingShape, SchemaFindingShape
from processing.logic.faults import InvalidLogic
from processing.logic.revisions import loading
from processing.logic.revisions.rows import UnknownRevision
from processing.logic.rules.explain import Change, Step
from processing.logic.rules.results import Fate
from queries.reads import postgres


@dataclass(slots=True)
class SentEvent:
    """An event as it was sent; times in microseconds since the epoch."""

    source: str
    ts: int
    received: int
    values: dict[str, object]


@dataclass(slots=True)
class Explainer:
    """Explains the copies of one event.

    :param raw: the reader may read raw documents; else values are left out
    """

    raw: bool
    _known: dict[int, Logic | None] = field(default_factory=dict)

    def explain(self, revision: int, event: SentEvent) -> tuple[Explanation, LogicTrace] | None:
        """Return what a revision says of an event; None: there was no logic, or this release can't read it.

        :raises ReadUnavailable: PostgreSQL does not answer
        """
        logic = self._logic(revision)
        if logic is None:
            return None
        found = explain_event(logic, event.values, source=event.source, ts=event.ts, received=event.received)
        return found, _shape(revision, found, raw=self.raw)

    def _logic(self, revision: int) -> Logic | None:
        if revision == NO_LOGIC.revision:
            return None
        if revision not in self._known:
            try:
                with postgres.bounded(), connection.cursor() as cursor:
                    self._known[revision] = loading.load(cursor, revision)
            except (InvalidLogic, UnknownRevision):
                self._known[revision] = None
        return self._known[revision]


def in_words(found: Explanation) -> str:
    """Return the outcome as a sentence."""
    result = found.result
    if result.fate is Fate.DROPPED:
        return f"dropped by the rule {result.rule}"
    if result.fate is Fate.REJECTED:
        return f"rejected by {result.rule}"
    applied = [step.rule for step in found.rules if step.outcome == "applied"]
    tagged = f"; tagged {', '.join(result.tags)}" if result.tags else ""
    return (f"rules applied: {', '.join(applied)}" if applied else "no rule applied") + tagged


def _shape(revision: int, found: Explanation, *, raw: bool) -> LogicTrace:
    return {
        "revision": revision,
        "schemas": [_schema(each) for each in found.schemas],
        "rules": [_rule(step, raw=raw) for step in found.rules],
    }


def _schema(found: SchemaFinding) -> SchemaFindingShape:
    violations = [{"pointer": each.pointer, "detail": each.detail} for each in found.violations]
    return cast("SchemaFindingShape", {**found._asdict(), "violations": violations})


def _rule(step: Step, *, raw: bool) -> RuleFindingShape:
    return {
        "rule": step.rule,
        "outcome": step.outcome,  # type: ignore[typeddict-item]
        "changes": [_change(each, raw=raw) for each in step.changes],
        "tagsAdded": step.tags_added,
        "tagsRemoved": step.tags_removed,
        "unknown": step.unknown,
        "missed": step.missed,
        "fate": step.fate,
        "leaves": [
            {"text": leaf.text, "result": leaf.result, "values": leaf.values if raw else {}} for leaf in step.leaves
        ],
        "skippedBy": step.skipped_by,
    }


def _change(change: Change, *, raw: bool) -> ChangeShape:
    shape: ChangeShape = {"field": change.field, "action": change.action}
    if raw and change.was_there:
        shape["before"] = change.before
    if raw and change.is_there:
        shape["after"] = change.after
    return shape
