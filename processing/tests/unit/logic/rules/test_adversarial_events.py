"""Events that were made to hurt: rules neither raise nor take long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.logic.rules.program import Program
from processing.tests.unit.logic import rule_strategies as some
from processing.tests.unit.logic.rules.programs import RECEIVED, SOURCE, TIME, program, rule, run_one

LIMIT = 0.001  # seconds an event, of CPU time


def _deep() -> object:
    value: object = 1
    for level in range(30):
        value = {"p": value, "q": [value]} if level < 6 else [value]
    return value


EVENTS: dict[str, dict[str, object]] = {
    "a text as long as an event": dict.fromkeys("abcd", "ab" * 30_000),
    "long words of another script": dict.fromkeys("abcd", "İß" * 16_000),
    "texts that nearly match": {"a": "A" * 60_000 + "!", "b": "A" * 60_000, "c": "A" * 30_000, "d": "!"},
    "the largest integers": {"a": 2**63 - 1, "b": -(2**63), "c": 2**63 - 1, "d": -1},
    "the largest decimals": {"a": 1.7976931348623157e308, "b": -1.7976931348623157e308, "c": 5e-324, "d": -0.0},
    "a thousand keys": {f"{key}": number for number, key in enumerate([*"abcd", *range(996)])},
    "a long list": {"a": [*range(10)] * 12_000, "b": [1], "c": [], "d": ["x"]},
    "a list that is just searched": {"a": [True] * 10_000, "b": 1, "c": 1.0, "d": "x"},
    "deep objects": {key: _deep() for key in "abcdo"},
    "integers of any size": {"a": 10**400, "b": -(10**400), "c": 2**63, "d": 2**64},
    "numbers that JSON has not": {"a": float("nan"), "b": float("inf"), "c": -float("inf"), "d": 0},
    "half a surrogate pair": dict.fromkeys("abcd", "\ud800" * 20_000),
    "NUL": dict.fromkeys("abcd", "\0"),
}

EXPRESSIONS = [
    "a + b + c + d",
    "a * b * c - d * a",
    "a / b // c % d",
    "a // d",
    "-a - b",
    "abs(a) + floor(b) + ceil(c) + round(d, 3)",
    "exp(a)",
    "sqrt(a) + log(b)",
    "min(a, b, c, d) - max(a, b, c, d)",
    "lower(a)",
    "upper(a)",
    "trim(a) + trim(b)",
    "len(a) + len(o)",
    "text(a)",
    "number(a)",
    "number(text(a))",
    'convert(a, "degF", "degC") + convert(b, "km/h", "m/s")',
    "coalesce(a, b, c, d)",
    'lookup("stations", a, "name")',
    'lookup("floors", a, "name")',
]
CONDITIONS = [
    "a > b and b < c and not c == d",
    "a > 1 and b != 2 and not c < 3.5",
    "a in (1, 2, 3) or b not in ('x', 'y')",
    "contains(a, b)",
    "contains(a, d)",
    "contains(a, 'AAAAAAAAAAAAAAAAAAAAAAB')",
    "contains(a, 1)",
    "starts_with(a, b) or ends_with(a, b)",
    'matches(a, r"^(A+)+$")',
    'matches(a, r"(.*)*(.*)*x$")',
    "exists(o.p.p.p.p.p.p) and a == b",
    "between(a, b, c)",
    "'x' in tags or a in tags",
]
PROGRAMS = {
    **{
        text: program(rule(f"set result = {text}", "set o.p.q.r = result", "rename a to x.y.z")) for text in EXPRESSIONS
    },
    **{text: program(rule("tag yes", when=text)) for text in CONDITIONS},
    **{f"not: {text}": program(rule("tag no", when=f"not ({text})")) for text in CONDITIONS},
}


def run(compiled: Program, values: dict[str, object]) -> None:
    result = run_one(compiled, values, SOURCE, TIME, RECEIVED, ())

    assert all(counts.errors == 0 for counts in compiled.take_counts().values())
    made = result.values.get("result") if result is not None else None
    assert made is None or _can_be_stored(made)


def _can_be_stored(value: object) -> bool:
    if isinstance(value, str):
        return len(value.encode()) <= 64 * 1024
    if isinstance(value, float):
        return value - value == 0.0
    return isinstance(value, int) and -(2**63) <= value < 2**63


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("compiled", PROGRAMS.values(), ids=list(PROGRAMS))
def test_no_event_makes_a_rule_fail(compiled: Program, event: str) -> None:
    run(compiled, EVENTS[event])


@pytest.mark.alone
@pytest.mark.parametrize("event", EVENTS)
def test_no_event_takes_a_rule_longer_than_a_millisecond(event: str) -> None:
    slow = {}
    for text, compiled in PROGRAMS.items():
        seconds = min(_seconds(compiled, EVENTS[event]) for _ in range(5))
        if seconds > LIMIT:
            slow[text] = seconds

    assert slow == {}


def _seconds(compiled: Program, values: dict[str, object]) -> float:
    start = time.process_time()
    run_one(compiled, values, SOURCE, TIME, RECEIVED, ())
    return time.process_time() - start


_ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d", "o", "result", "x"]), _ANY), some.TAGS)
def test_whatever_an_event_holds_no_rule_fails(values: dict[str, object], tags: tuple[str, ...]) -> None:
    for compiled in PROGRAMS.values():
        run_one(compiled, values, SOURCE, TIME, RECEIVED, tags)
        assert all(counts.errors == 0 for counts in compiled.take_counts().values())
