"""What actions do with a payload and its tags, and what they leave as it is."""

from __future__ import annotations

import copy

import pytest

from ingestion.events.model import MAX_DEPTH, MAX_KEYS
from processing.logic.rules.results import MAX_TAGS, Counts, Fate, Result
from processing.tests.unit.logic.rules.programs import RECEIVED, SOURCE, TIME, made, program, rule, run, run_one


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("set b = a + 1", {"a": 1}, {"a": 1, "b": 2}),
        ("set a = a + 1", {"a": 1}, {"a": 2}),
        ("set a = missing", {"a": 1}, {"a": 1}),
        ("set b = missing", {"a": 1}, {"a": 1}),
        ("set a.b.c = 1", {}, {"a": {"b": {"c": 1}}}),
        ("set a.b = 1", {"a": {"c": 2}}, {"a": {"c": 2, "b": 1}}),
        ("set a.b = 1", {"a": 5}, {"a": 5}),
        ("set a.b = 1", {"a": None}, {"a": None}),
        ("set a.b = 1", {"a": [1]}, {"a": [1]}),
        ("set b = a", {"a": {"c": 1}}, {"a": {"c": 1}}),
        ("set b = a", {"a": "x" * 70_000}, {"a": "x" * 70_000}),
        ("set when = timestamp", {}, {"when": "2025-04-11T12:00:00Z"}),
        ('set payload["odd = key"] = a', {"a": 1}, {"a": 1, "odd = key": 1}),
        ("set payload.tags = True", {}, {"tags": True}),
        ("remove a", {"a": 1, "b": 2}, {"b": 2}),
        ("remove a.b", {"a": {"b": 1}}, {"a": {}}),
        ("remove a.b", {"a": 5}, {"a": 5}),
        ("remove c", {"a": 5}, {"a": 5}),
        ("rename a to b", {"a": None, "c": 1}, {"c": 1, "b": None}),
        ("rename a to b.c", {"a": [1]}, {"b": {"c": [1]}}),
        ("rename a to a.b", {"a": 1}, {"a": {"b": 1}}),
        ("rename a.b to a", {"a": {"b": 1, "c": 2}}, {"a": 1}),
        ("rename a to b", {"a": 1, "b": 2}, {"b": 1}),
        ("rename a to b", {"b": 2}, {"b": 2}),
        ("rename a to a", {"a": 2}, {"a": 2}),
        ("rename a to b.c", {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ('rename payload["a to b"] to c', {"a to b": 1}, {"c": 1}),
        ('rename c to payload["a to b"]', {"c": 1}, {"a to b": 1}),
    ],
)
def test_an_action_makes(action: str, before: dict[str, object], after: dict[str, object]) -> None:
    given = copy.deepcopy(before)

    assert list(made(given, action).items()) == list(after.items())
    assert given == before


def test_an_action_sees_what_those_before_it_did() -> None:
    first = rule("set b = a + 1", "set c.d = b * 10", "tag one", name="first")
    second = rule("set e = c.d + len(tags)", "untag one", when='b == 2 and "one" in tags', name="second")

    result = run({"a": 1}, first, second)

    assert result == Result({"a": 1, "b": 2, "c": {"d": 20}, "e": 21}, ())


def test_a_later_rule_sees_changes_of_fields_that_were_loaded_before() -> None:
    rules = [
        rule("set t = 50", when="t > 20", name="first"),
        rule("rename t to o.t", when="t > 40", name="second"),
        rule("tag gone", when="not exists(t)", name="third"),
        rule("remove o", when="o.t > 40 and o.t < 60", name="fourth"),
        rule("tag unknown", when="o.t > 40 or t > 20", name="fifth"),
    ]

    assert run({"t": 30}, *rules) == Result({}, ("gone",))


def test_no_rule_that_applies_is_nothing() -> None:
    assert run({"a": 1}, rule("tag hot", when="a > 1")) is None


def test_values_that_no_rule_changes_are_the_same_object() -> None:
    values: dict[str, object] = {"a": 1}

    result = run(values, rule("tag hot", "remove b", "set b = c"))

    assert result is not None
    assert result.values is values


@pytest.mark.parametrize(
    ("ending", "fate", "reason"), [('reject "too hot"', Fate.REJECTED, "too hot"), ("drop", Fate.DROPPED, "")]
)
def test_an_event_that_is_not_kept_is_as_it_was(ending: str, fate: Fate, reason: str) -> None:
    values: dict[str, object] = {"a": 1}

    result = run(values, rule("set a = 2", "tag hot", ending, name="one"), rule("tag later", name="two"), tags=("t",))

    assert result == Result({"a": 1}, ("t",), fate, "one", reason)
    assert result.values is values


def test_stop_skips_later_rules_alone() -> None:
    result = run({"a": 1}, rule("set a = 2", "stop", name="one"), rule("set a = 3", name="two"))

    assert result == Result({"a": 2}, ())


def test_rules_count_what_they_do() -> None:
    rules = [
        rule("set b = 1", "set c = missing", "set a.b = 1", name="sets"),
        rule("tag x", when='lookup("stations", station, "height") > 1', name="looks"),
        rule("tag x", when="a > 100", name="idle"),
    ]
    compiled = program(*rules)

    for station in ("A1", "C3", "nowhere", None):
        run_one(compiled, {"a": 1, "station": station}, SOURCE, TIME, RECEIVED, ())

    assert compiled.take_counts() == {"sets": Counts(applied=4, unknown=8), "looks": Counts(applied=1, missed=2)}
    assert compiled.take_counts() == {}


def test_an_event_has_a_bounded_number_of_tags() -> None:
    full = tuple(f"t{number}" for number in range(MAX_TAGS))
    compiled = program(rule("tag one", "tag t0", "untag t1", "tag two"))

    result = run_one(compiled, {}, SOURCE, TIME, RECEIVED, full)

    assert result is not None
    assert result.tags == (full[0], *full[2:], "two")
    assert compiled.take_counts() == {"rule": Counts(applied=1, unknown=1)}


@pytest.mark.parametrize(
    ("action", "at"),
    [("set new = 1", ()), ("set o.new = 1", ("o",)), ("rename big to o.new", ("o",)), ("set new.a = 1", ())],
)
def test_an_object_gets_no_more_keys_than_an_event_may_have(action: str, at: tuple[str, ...]) -> None:
    keys: dict[str, object] = {f"k{number}": 1 for number in range(MAX_KEYS - 3)}
    fewer: dict[str, object] = {"o": {**keys, "x": 1, "y": 1}, "big": 1} if at else {"o": {}, "big": 1, **keys}
    full = {**fewer, "o": {**keys, "x": 1, "y": 1, "last": 1}} if at else {**fewer, "last": 1}

    assert made(fewer, action) != fewer
    assert made(full, action) == full
    assert made(full, "set o.last = 2" if at else "set last = 2") != full


def test_a_payload_gets_no_deeper_than_an_event_may_be() -> None:
    deep: object = 1
    for _ in range(MAX_DEPTH - 2):
        deep = {"x": deep}

    assert made({"a": deep}, "rename a to b.c") == {"b": {"c": deep}}
    assert made({"a": [deep]}, "rename a to b.c") == {"b": {"c": [deep]}}
    assert made({"a": {"x": deep}}, "rename a to b.c") == {"a": {"x": deep}}
    assert made({"a": {"x": deep}}, "rename a to b") == {"b": {"x": deep}}


def test_labels_are_those_of_the_source() -> None:
    compiled = program(rule("set site = labels.site", "tag known", when='labels.site != "x"'), labels={"site": "north"})

    assert run_one(compiled, {}, SOURCE, TIME, RECEIVED, ()) == Result({"site": "north"}, ("known",))
    assert run({}, rule("tag known", when='labels.site != "x"')) is None


def test_sources_with_other_labels_share_rules_and_counts() -> None:
    north = program(
        rule("set site = labels.site", when='exists(labels.site) and labels.site != "x"'), labels={"site": "north"}
    )

    south, none = north.with_labels({"site": "south"}), north.with_labels({})

    results = [run_one(each, {}, SOURCE, TIME, RECEIVED, ()) for each in (north, south, none)]
    assert [result and result.values for result in results] == [{"site": "north"}, {"site": "south"}, None]
    assert north.take_counts() == {"rule": Counts(applied=2)}
