"""The generated code and the interpreter are two ways to the same result, whatever the rules and the event."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence

import msgspec
from hypothesis import HealthCheck, given, reject, settings, strategies

from processing.events.made import Made
from processing.logic.content import RuleContent
from processing.logic.faults import InvalidLogic
from processing.logic.rules.explain import Step, explain
from processing.logic.rules.program import Columns, compile_program
from processing.logic.rules.results import Counts, Result
from processing.logic.rules.rule import Rule, parse_rule
from processing.tests.unit.logic import rule_strategies as some
from processing.tests.unit.logic.rule_strategies import TABLES
from processing.tests.unit.logic.rules.programs import run_one

SOURCE = "A1"


def parsed(contents: Sequence[RuleContent]) -> list[Rule]:
    try:
        return [parse_rule(content, f"/rules/{index}", tables=TABLES) for index, content in enumerate(contents)]
    except InvalidLogic:
        reject()


def counted(steps: Sequence[Step]) -> dict[str, Counts]:
    return {step.rule: counts for step in steps if (counts := step.counts()) != Counts()}


def shown(result: Result) -> str:
    """Return a result such that 1, 1.0 and True are three, and -0.0 is not 0.0."""
    return repr(result)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(some.rule_lists(), some.payloads(), some.LABELS, some.TIMES, some.TIMES, some.TAGS)
def test_generated_code_gives_what_the_interpreter_gives(
    contents: list[RuleContent],
    values: dict[str, object],
    labels: Mapping[str, str],
    ts: int,
    received: int,
    tags: tuple[str, ...],
) -> None:
    rules = parsed(contents)
    as_sent = copy.deepcopy(values)

    program = compile_program(rules, labels=labels, tables=TABLES)
    assert program is not None
    result = run_one(program, values, SOURCE, ts, received, tags)
    steps, expected = explain(
        rules, labels=labels, tables=TABLES, values=values, source=SOURCE, ts=ts, received=received, tags=tags
    )

    assert shown(result or Result(values, tags)) == shown(expected)
    assert program.take_counts() == counted(steps)
    assert repr(values) == repr(as_sent)
    assert not any(step.outcome == "failed" for step in steps)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(some.rule_lists(), some.payloads(), some.TIMES, strategies.sampled_from([None, 2]))
def test_the_text_of_a_payload_says_what_its_values_say(
    contents: list[RuleContent], values: dict[str, object], ts: int, indent: int | None
) -> None:
    program = compile_program(parsed(contents), labels={}, tables=TABLES)
    assert program is not None
    made: dict[int, Made] = {}

    program.run(Columns([values], [SOURCE], [ts], [ts]), [0], {}, made, {})

    for each in made.values():
        text = each.payload(json.dumps(values, indent=indent).encode())
        assert repr(msgspec.json.decode(text)) == repr(msgspec.json.decode(msgspec.json.encode(each.values)))
