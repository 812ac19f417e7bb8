"""Why an event became what it is: what each rule did, or which part of its condition said no."""

from __future__ import annotations

from processing.logic.rules.explain import Change, Leaf, Step
from processing.tests.unit.logic.rules.programs import rule, why


def test_a_rule_that_applied_shows_its_changes() -> None:
    [step] = why({"t": 86, "o": {"x": 1}}, rule("set c = 30", "rename o.x to x", "remove t", "set n = m", "tag hot"))

    assert step == Step(
        "rule",
        "applied",
        changes=[
            Change("c", "set c = 30", after=30, was_there=False),
            Change("o.x", "rename o.x to x", before=1, is_there=False),
            Change("x", "rename o.x to x", after=1, was_there=False),
            Change("t", "remove t", before=86, is_there=False),
        ],
        tags_added=["hot"],
        unknown=["set n = m"],
    )


def test_a_rule_that_did_not_apply_shows_the_part_that_said_no() -> None:
    condition = 'exists(t) and (t > 90 or not state in ("on",)) and t < 100'

    [step] = why({"t": 86, "state": "on"}, rule("tag hot", when=condition))

    assert step.outcome == "not applied"
    assert step.leaves == [
        Leaf("t > 90", result=False, values={"t": 86}),
        Leaf('state in ("on",)', result=True, values={"state": "on"}),
    ]


def test_what_is_missing_is_unknown_and_not_among_the_values() -> None:
    [step] = why({"a": "x"}, rule("tag hot", when="a < b"))

    assert step.leaves == [Leaf("a < b", result=None, values={"a": "x"})]


def test_times_are_shown_as_times() -> None:
    [step] = why({}, rule("tag old", when='timestamp < "2025-01-01T00:00:00Z"'))

    assert step.leaves[0].values == {"timestamp": "2025-04-11T12:00:00Z"}


def test_later_rules_are_skipped_by_the_one_that_ended_the_run() -> None:
    steps = why({}, rule("tag a", "stop", name="one"), rule("tag b", name="two"), rule("drop", name="three"))

    assert [(step.outcome, step.fate, step.skipped_by) for step in steps] == [
        ("applied", "stopped", ""),
        ("skipped", "", "one"),
        ("skipped", "", "one"),
    ]


def test_a_key_that_a_table_lacks_is_counted() -> None:
    [step] = why({"s": "nowhere"}, rule("tag x", when='lookup("stations", s, "name") == "Harbour"'))

    assert (step.outcome, step.missed) == ("not applied", 1)


def test_a_part_that_stands_for_several_is_shown_once() -> None:
    [step] = why({"b": 1}, rule("tag t", when="not between(a, -90, 60)"))

    assert step.leaves == [Leaf("between(a, -90, 60)", result=None, values={})]
