"""A rule that fails in spite of all costs neither the event nor what other rules did."""

from __future__ import annotations

import pytest

from processing.logic.expressions import functions
from processing.logic.expressions.functions import Signature
from processing.logic.rules.explain import explain
from processing.logic.rules.results import LOGIC_ERROR, Counts, Result
from processing.tests.unit.logic.rules.programs import RECEIVED, SOURCE, TIME, program, rule, run, run_one


def failing(*_: object) -> None:
    raise RuntimeError("a bug of ours")


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = functions.FUNCTIONS["abs"]
    monkeypatch.setitem(functions.FUNCTIONS, "abs", Signature(signature.parameters, signature.result, failing))


@pytest.mark.usefixtures("bug")
@pytest.mark.parametrize(
    "second",
    [
        {"actions": ["set b = 2", "set o.x = 2", "tag two", "set c = abs(a)"], "when": ""},
        {"actions": ["set b = 2"], "when": "abs(a) > 1"},
        {"actions": ["set b = abs(a)", 'reject "no"'], "when": ""},
    ],
)
def test_its_changes_are_undone_and_the_event_goes_on(second: dict[str, list[str] | str]) -> None:
    rules = [
        rule("set b = 1", "tag one", name="first"),
        rule(*second["actions"], when=str(second["when"]), name="second"),
        rule("set d = b", "tag three", when="b > 0 and b < 2", name="third"),
    ]
    compiled = program(*rules)

    result = run_one(compiled, {"a": 5}, SOURCE, TIME, RECEIVED, ())
    steps, explained = explain(
        rules, labels={}, tables={}, values={"a": 5}, source=SOURCE, ts=TIME, received=RECEIVED, tags=()
    )

    assert result == Result({"a": 5, "b": 1, "d": 1}, ("one", LOGIC_ERROR, "three"))
    assert explained == result
    assert compiled.take_counts() == {
        "first": Counts(applied=1),
        "second": Counts(errors=1),
        "third": Counts(applied=1),
    }
    assert [step.outcome for step in steps] == ["applied", "failed", "applied"]
    assert steps[1].tags_added == [LOGIC_ERROR]


@pytest.mark.usefixtures("bug")
def test_an_event_is_tagged_once() -> None:
    result = run({}, rule("set b = abs(a)", name="one"), rule("set b = abs(a)", name="two"))

    assert result == Result({}, (LOGIC_ERROR,))
