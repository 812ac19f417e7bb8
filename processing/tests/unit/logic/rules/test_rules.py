"""How rules are read: whom they are for, and what is refused."""

from __future__ import annotations

import pytest

from processing.logic.content import RuleContent
from processing.logic.faults import Fault, InvalidLogic
from processing.logic.rules.program import compile_program
from processing.logic.rules.rule import parse_rule
from processing.tests.unit.logic.rule_strategies import TABLES
from processing.tests.unit.logic.rules.programs import rule


@pytest.mark.parametrize(
    ("content", "source", "labels", "applies"),
    [
        ({}, "any", {}, True),
        ({"sources": ["plant-1"]}, "plant-1", {}, True),
        ({"sources": ["plant-1"]}, "plant-10", {}, False),
        ({"sources": ["x", "plant-*"]}, "plant-10", {}, True),
        ({"sources": ["*"]}, "any", {}, True),
        ({"labels": {"site": "north"}}, "any", {"site": "north", "room": "1"}, True),
        ({"labels": {"site": "north", "room": "1"}}, "any", {"site": "north"}, False),
        ({"enabled": False}, "any", {}, False),
    ],
)
def test_a_rule_is_for_some_sources(
    content: dict[str, object],
    source: str,
    labels: dict[str, str],
    applies: bool,
) -> None:
    read = parse_rule(RuleContent(name="rule", actions=["drop"], **content), "", tables={})  # type: ignore[arg-type]

    assert read.applies_to(source, labels) is applies


def test_no_rule_is_no_program() -> None:
    assert compile_program([], labels={}, tables={}) is None


@pytest.mark.parametrize(
    ("action", "column", "detail"),
    [
        ("", 1, "expected set, remove, rename, tag, untag, reject, drop, stop"),
        ("sett a = 1", 1, "expected set, remove, rename, tag, untag, reject, drop, stop; did you mean set?"),
        ("set", 0, "expected an expression, got nothing"),
        ("set a", 0, "expected FIELD = EXPRESSION"),
        ("set a == 1", 0, "expected FIELD = EXPRESSION"),
        ("set a += 1", 0, "expected FIELD = EXPRESSION"),
        ("set a = b = 1", 0, "expected FIELD = EXPRESSION"),
        ("set (a, b) = 1", 5, "expected the name of a field"),
        ("set source = 1", 5, "source is no field of the payload; payload.source would be one"),
        ("  set  a = lowr(b)", 12, "no function lowr; did you mean lower?"),
        ("set a = None", 9, "None leaves a field as it is; `remove FIELD` removes it"),
        ("set a = tags", 9, "the tags can't be the value of a field"),
        ("set class = 1", 11, "invalid syntax; a key that is no name is written as payload[…]"),
        ("remove a b", 10, "invalid syntax"),
        ("remove lower(a)", 8, "expected the name of a field"),
        ("rename a", 8, "expected rename FIELD to FIELD"),
        ("rename a to 3", 13, "expected the name of a field"),
        ("tag", 4, "expected a tag of 1 to 64 of a-z 0-9 _ . : -"),
        ("tag Too Hot!", 5, "expected a tag of 1 to 64 of a-z 0-9 _ . : -; did you mean too_hot_?"),
        ("tag " + "x" * 65, 5, "expected a tag of 1 to 64 of a-z 0-9 _ . : -; did you mean " + "x" * 64 + "?"),
        ("tag logic_error", 5, "logic_error is for events that a rule failed on"),
        ("reject", 7, 'expected a reason in quotes, as in reject "too hot"'),
        ('reject ""', 8, 'expected a reason in quotes, as in reject "too hot"'),
        ("reject hot", 8, 'expected a reason in quotes, as in reject "too hot"'),
        ('reject "a" + b', 8, 'expected a reason in quotes, as in reject "too hot"'),
        (f'reject "{"x" * 501}"', 8, "expected a reason of at most 500 characters"),
        ("drop it", 6, "drop takes nothing behind it"),
        ("stop now", 6, "stop takes nothing behind it"),
    ],
)
def test_an_action_is_refused_with_its_place(action: str, column: int, detail: str) -> None:
    with pytest.raises(InvalidLogic) as refused:
        rule(action)

    [fault] = refused.value.faults
    assert (fault.pointer, fault.line, fault.column) == ("/rules/0/actions/0", int(column > 0), column)
    assert fault.detail.startswith(detail)


def test_all_faults_of_a_rule_are_told_at_once() -> None:
    content = RuleContent(
        name=" ",
        sources=["plant-*", "pl*nt"],
        labels={"site": "north"},
        when="temperature >",
        actions=["set a = lower(3)", "drop", "tag hot"],
    )

    with pytest.raises(InvalidLogic) as refused:
        parse_rule(content, "/rules/4", tables=TABLES)

    assert [(fault.pointer, fault.line, fault.column) for fault in refused.value.faults] == [
        ("/rules/4/name", 0, 0),
        ("/rules/4/labels", 0, 0),
        ("/rules/4/sources/1", 0, 0),
        ("/rules/4/when", 1, 14),
        ("/rules/4/actions/0", 1, 15),
        ("/rules/4/actions/2", 0, 0),
    ]


def test_a_rule_does_something() -> None:
    with pytest.raises(InvalidLogic) as refused:
        parse_rule(RuleContent(name="idle", actions=[]), "/rules/0", tables={})

    assert refused.value.faults == [Fault("/rules/0/actions", "expected 1 to 50 actions")]


def test_what_follows_an_ending_is_refused() -> None:
    with pytest.raises(InvalidLogic, match="never reached: `stop` ends the rule"):
        rule("stop", "tag hot")
