"""Rules in tests: written as texts, compiled, and run on one event."""

from __future__ import annotations

from collections.abc import Mapping

from processing.events.made import Made
from processing.logic.content import RuleContent
from processing.logic.rules.explain import Step, explain
from processing.logic.rules.program import Columns, Program, compile_program
from processing.logic.rules.results import Result
from processing.logic.rules.rule import Rule, parse_rule
from processing.tests.unit.logic.rule_strategies import TABLES

SOURCE, TIME, RECEIVED = "plant-1", 1_744_372_800_000_000, 1_744_372_890_000_000  # 2025-04-11T12:00:00Z and 90 s later


def rule(*actions: str, when: str = "", name: str = "rule") -> Rule:
    return parse_rule(RuleContent(name=name, when=when, actions=list(actions)), "/rules/0", tables=TABLES)


def program(*rules: Rule, labels: Mapping[str, str] | None = None) -> Program:
    compiled = compile_program(rules, labels=labels or {}, tables=TABLES)
    assert compiled is not None
    return compiled


def run_one(
    compiled: Program, values: dict[str, object], source: str, ts: int, received: int, tags: tuple[str, ...]
) -> Result | None:
    """Run a program on one event; None: no rule applied."""
    kept: dict[int, Made] = {}
    ended: dict[int, Result] = {}
    compiled.run(Columns([values], [source], [ts], [received]), (0,), {0: tags}, kept, ended)
    if ended:
        return ended[0]
    return Result(kept[0].values, kept[0].tags) if kept else None


def run(values: dict[str, object], *rules: Rule, tags: tuple[str, ...] = ()) -> Result | None:
    return run_one(program(*rules), values, SOURCE, TIME, RECEIVED, tags)


def made(values: dict[str, object], *actions: str, when: str = "") -> dict[str, object]:
    """Return the payload that one rule makes."""
    result = run(values, rule(*actions, when=when))
    return values if result is None else result.values


def why(values: dict[str, object], *rules: Rule, tags: tuple[str, ...] = ()) -> list[Step]:
    steps, _ = explain(
        rules, labels={}, tables=TABLES, values=values, source=SOURCE, ts=TIME, received=RECEIVED, tags=tags
    )
    return steps
