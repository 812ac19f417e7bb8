"""Why an event became what it is: what each schema and rule of its source said, by the interpreter."""

from __future__ import annotations

from typing import NamedTuple

from processing.logic.engine import VIOLATION_TAG, Logic, SchemaUse
from processing.logic.rules.explain import Step, explain
from processing.logic.rules.results import Fate, Result
from processing.logic.schemas.messages import Violation


class SchemaFinding(NamedTuple):
    """What a schema said."""

    name: str
    version: int
    mode: str
    check: str  # before the rules, or after them
    violations: list[Violation]


class Explanation(NamedTuple):
    """What logic makes of one event."""

    schemas: list[SchemaFinding]
    rules: list[Step]  # none, if a schema rejects the event before them
    result: Result


def explain_event(logic: Logic, values: dict[str, object], *, source: str, ts: int, received: int) -> Explanation:
    """Judge one event, and say why. Slow: it takes the compiled program's time a hundred times.

    :param ts: microseconds since the epoch, as is `received`
    """
    found = logic.of_source(source)
    tags: tuple[str, ...] = ()
    schemas: list[SchemaFinding] = []
    if found.before:
        schemas.append(_check(found.before, values))
        if schemas[0].violations:
            tags = (VIOLATION_TAG,)
            if found.before.content.mode == "enforce":
                return Explanation(schemas, [], _rejected(found.before, values))
    steps, result = explain(
        logic.rules_of(source), labels=logic.labels_of(source), tables=logic.tables,
        values=values, source=source, ts=ts, received=received, tags=tags,
    )  # fmt: skip
    if found.after and result.fate is Fate.KEPT:
        schemas.append(_check(found.after, result.values))
        if schemas[-1].violations:
            if found.after.content.mode == "enforce":
                return Explanation(schemas, steps, _rejected(found.after, values))
            if VIOLATION_TAG not in result.tags:
                result = Result(result.values, (*result.tags, VIOLATION_TAG))
    return Explanation(schemas, steps, result)


def _check(use: SchemaUse, values: dict[str, object]) -> SchemaFinding:
    content = use.content
    return SchemaFinding(content.name, content.version, content.mode, content.check, use.schema.violations(values))


def _rejected(use: SchemaUse, values: dict[str, object]) -> Result:
    return Result(values, (), Fate.REJECTED, use.content.name)
