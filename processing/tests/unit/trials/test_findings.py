"""What a trial counts and shows, with real rules and without servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from processing.events.entries import Entries
from processing.logic.content import Content, RuleContent, SchemaContent
from processing.logic.engine import NO_LOGIC, Logic
from processing.logic.schemas.schema import compile_schema
from processing.tests.factories import NOON, make_entry, make_sent
from processing.trials import report
from processing.trials.examples import MAX_PAYLOAD, MOST, differences
from processing.trials.findings import DAY, Findings, by_day
from processing.trials.request import TrialRequest


def logic(*rules: RuleContent, revision: int = 1) -> Logic:
    return Logic(revision, Content(rules=list(rules)))


def events(*payloads: dict[str, object], ts: int = NOON) -> Entries:
    return Entries.of(make_entry(make_sent(number, ts=ts, payload=payload)) for number, payload in enumerate(payloads))


def tried(entries: Entries, logic_: Logic, present: Logic = NO_LOGIC) -> dict[str, Any]:
    found = Findings()
    for indexes in by_day(entries.times):
        found.add(entries.select(indexes), tried=logic_, present=present)
    # As the job does between its chunks, and in the end.
    kept = report.from_place(json.loads(json.dumps(report.to_place(found))))
    shape = report.shape(TrialRequest(logic_.revision), kept, tried=logic_, present=present, schemas=[])
    assert json.loads(json.dumps(shape)) == shape
    return shape


HOT = RuleContent("hot", ["tag hot", "set fahrenheit = temperature * 9 / 5 + 32"], when="temperature > 30")
REJECT = RuleContent("broken", ['reject "below absolute zero"'], when="temperature < -273.15")
DROP = RuleContent("noise", ["drop"], when='kind == "noise"')


def test_every_event_is_counted_by_what_becomes_of_it() -> None:
    sent = events({"temperature": 40}, {"temperature": 20}, {"temperature": -300}, {"kind": "noise"})

    found = tried(sent, logic(HOT, REJECT, DROP))

    assert found["outcomes"] == {"stored": 2, "changed": 1, "tagged": 1, "rejected": 1, "dropped": 1}
    assert (found["events"], found["different"], found["tags"]) == (4, 3, {"hot": 1})
    rules = {rule["name"]: rule for rule in found["rules"]}
    assert (rules["hot"]["applied"], rules["broken"]["rejected"], rules["noise"]["dropped"]) == (1, 1, 1)


def test_outcomes_and_unknown_results_are_counted_by_the_day_of_the_event() -> None:
    ratio = RuleContent("ratio", ["set ratio = a / b"])
    first = events({"a": 1, "b": 2}, {"a": 1, "b": 0})
    both = Entries.of([*first, *events({"a": 4, "b": 2}, ts=NOON + DAY)])

    found = tried(both, logic(ratio))

    assert [(day["day"], day["stored"], day["changed"], day["unknown"]) for day in found["days"]] == [
        ("2026-03-01", 2, 1, 1),
        ("2026-03-02", 1, 1, 0),
    ]


def test_the_difference_to_the_present_revision_is_counted_by_outcome() -> None:
    cold = RuleContent("cold", ["tag cold"], when="temperature < 0")
    sent = events({"temperature": 40}, {"temperature": -5}, {"temperature": 20})

    found = tried(sent, logic(HOT, revision=2), present=logic(cold, HOT))

    assert found["difference"]["tagged"] == {"onlyPresent": 1, "onlyTried": 0, "both": 1}
    assert found["difference"]["changed"] == {"onlyPresent": 0, "onlyTried": 0, "both": 1}
    assert found["difference"]["stored"] == {"onlyPresent": 0, "onlyTried": 0, "both": 3}
    assert found["different"] == 1


def test_a_revision_differs_in_nothing_from_itself() -> None:
    sent = events({"temperature": 40}, {"temperature": -300}, {"kind": "noise"})

    found = tried(sent, logic(HOT, REJECT, DROP, revision=2), present=logic(HOT, REJECT, DROP))

    assert found["different"] == 0
    assert {sides["onlyPresent"] + sides["onlyTried"] for sides in found["difference"].values()} == {0}


def test_a_payload_that_is_set_to_what_it_was_is_not_changed() -> None:
    found = tried(events({"a": 5}), logic(RuleContent("same", ["set a = 5.0"])))

    assert (found["outcomes"]["changed"], found["different"]) == (0, 0)


def test_an_example_shows_the_event_before_and_after_with_the_fields_that_differ() -> None:
    found = tried(events({"temperature": 40, "site": "x"}), logic(HOT))

    [example] = found["examples"]["changed"]
    assert found["examples"]["tagged"] == [example]
    assert example["before"] == {"temperature": 40, "site": "x"}
    assert example["after"] == {"temperature": 40, "site": "x", "fahrenheit": 104.0}
    assert example["fields"] == [{"pointer": "/fahrenheit", "after": 104.0}]
    assert (example["tags"], example["fate"], example["timestamp"]) == (["hot"], "stored", "2026-03-01T12:00:00Z")


def test_an_example_of_a_rejected_or_dropped_event_names_the_rule() -> None:
    found = tried(events({"temperature": -300}, {"kind": "noise"}), logic(REJECT, DROP))

    [rejected], [dropped] = found["examples"]["rejected"], found["examples"]["dropped"]
    assert (rejected["rule"], rejected["after"]) == ("broken", None)
    assert "below absolute zero" in rejected["reason"]
    assert (dropped["rule"], dropped["after"]) == ("noise", None)


def test_there_are_twenty_examples_of_a_kind_and_those_that_differ_from_now_come_first() -> None:
    sent = events(*(dict[str, object](temperature=31 + number) for number in range(50)))
    hotter = RuleContent("hotter", ["tag hotter"], when="temperature >= 75")

    examples = tried(sent, logic(HOT, hotter, revision=2), present=logic(HOT))["examples"]["tagged"]

    assert len(examples) == MOST
    assert [example["different"] for example in examples] == [True] * 6 + [False] * 14


def test_an_example_too_long_to_be_shown_still_shows_what_differs() -> None:
    [example] = tried(events({"temperature": 40, "text": "x" * MAX_PAYLOAD}), logic(HOT))["examples"]["changed"]

    assert (example["before"], example["after"]) == (None, None)
    assert example["fields"] == [{"pointer": "/fahrenheit", "after": 104.0}]


def test_a_rule_that_did_nothing_is_in_the_report() -> None:
    found = tried(events({"temperature": 20}), logic(HOT, REJECT))

    assert [(rule["name"], rule["applied"]) for rule in found["rules"]] == [("hot", 0), ("broken", 0)]


def test_schemas_are_counted_beside_rules() -> None:
    use = SchemaContent("weather", 1, ["*"], mode="enforce")
    enforced = Logic(1, Content(schemas=[use]), {"weather": compile_schema({"required": ["temperature"]})})

    found = tried(events({"temperature": 1}, {}), enforced)

    assert found["outcomes"]["rejected"] == 1
    assert [(rule["kind"], rule["name"], rule["rejected"]) for rule in found["rules"]] == [("schema", "weather", 1)]
    assert found["examples"]["rejected"][0]["rule"] == "weather"


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, [("/a", b"1", b"true")]),
        ({"a": {"b/c": [1]}}, {"a": {"b/c": [2]}}, [("/a/b~1c", b"[1]", b"[2]")]),
        ({"a": None}, {"a": "x" * 1000}, [("/a", b"null", b'"\\"' + b"x" * 499 + "…".encode() + b'"')]),
    ],
)
def test_differences_are_pointed_at(
    before: dict[str, object], after: dict[str, object], fields: list[tuple[str, bytes, bytes]]
) -> None:
    found = [(one.pointer, bytes(one.before), bytes(one.after)) for one in differences(before, after)]  # type: ignore[arg-type]

    assert found == fields
