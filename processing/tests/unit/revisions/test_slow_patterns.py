"""Patterns that take long on some texts, though RE2 is linear, are refused when a rule is saved."""

from __future__ import annotations

import pytest

from processing.logic.content import RuleContent
from processing.logic.revisions.checks import slow_patterns
from processing.logic.rules.rule import parse_rule

QUICK = [
    r"^E\d+$",
    "(?i)error|warn|fatal",
    r"(.*)*(.*)*x$",
    r"\d{4}-\d\d-\d\dT",
    r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}",
    "[0-9a-f]{8}-[0-9a-f]{4}",
    "error.*timeout",
    "error.{0,9}timeout",
    r"\p{L}+\d",
    "x" * 990,
]
SLOW = ["a.{20}b", "a[ab]{100}c", "error.{0,100}timeout", "(?i)out of memory.{1,200}java", "(a|b)*a[ab]{40}$"]


def faults_of(rule: RuleContent, *, base: RuleContent | None = None) -> list[tuple[str, int, int]]:
    parsed = parse_rule(rule, "/rules/0", tables={})
    found = slow_patterns.faults([rule], [parsed], base=[base] if base else [])
    return [(fault.pointer, fault.line, fault.column) for fault in found]


@pytest.mark.parametrize("pattern", QUICK)
def test_a_usual_pattern_is_none_of_them(pattern: str) -> None:
    assert faults_of(RuleContent(name="r", when=f'matches(a, r"{pattern}")', actions=["tag found"])) == []


@pytest.mark.parametrize("pattern", SLOW)
def test_a_pattern_that_may_be_in_many_places_at_once_is_refused_with_its_place(pattern: str) -> None:
    rule = RuleContent(name="r", when=f'b > 1 and\n matches(a, r"{pattern}")', actions=["tag found"])

    assert faults_of(rule) == [("/rules/0/when", 2, 2)]


def test_it_is_found_in_actions_as_well() -> None:
    rule = RuleContent(name="r", actions=["tag found", f'set b = not matches(a, "{SLOW[0]}")'])

    assert faults_of(rule) == [("/rules/0/actions/1", 1, 5 + len("b = not "))]


def test_a_rule_that_is_as_it_was_is_not_tried_again() -> None:
    rule = RuleContent(name="r", when=f'matches(a, r"{SLOW[0]}")', actions=["tag found"])

    assert faults_of(rule, base=rule) == []
