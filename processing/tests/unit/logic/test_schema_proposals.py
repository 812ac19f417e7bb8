"""Schemas proposed from events: they accept all of these, and every claim has its evidence."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.logic.schemas.infer import MAX_EVENTS, Evidence, infer, outwards
from processing.logic.schemas.observations import MAX_FIELDS, MAX_MEMBERS
from processing.logic.schemas.options import Values
from processing.logic.schemas.schema import compile_schema


def field(schema: dict[str, object], *names: str) -> dict[str, object]:
    for name in names:
        schema = cast("dict[str, dict[str, dict[str, object]]]", schema)["properties"][name]
    return schema


def evidence(pointer: str, claim: str, having: int, of: int) -> Evidence:
    return {"pointer": pointer, "claim": claim, "in": having, "of": of}


def test_what_all_events_have_is_required_and_what_almost_all_have_is_in_the_evidence() -> None:
    both, one = Values(temperature=20.5, note="x"), Values(temperature=21.5)

    schema, found, count = infer([both] * 98 + [one] * 2)

    assert count == 100
    assert schema["required"] == ["temperature"]
    assert evidence("/temperature", "required", 100, 100) in found
    assert evidence("/note", "required", 98, 100) in found


def test_a_field_with_two_types_is_proposed_with_both_and_how_often_each_was() -> None:
    schema, found, _ = infer([Values(a=1.5)] * 998 + [Values(a="n/a")] * 2)

    assert field(schema, "a")["type"] == ["number", "string"]
    assert evidence("/a", "type number", 998, 1000) in found
    assert evidence("/a", "type string", 2, 1000) in found


def test_a_field_that_is_null_at_times_is_nullable() -> None:
    schema, found, _ = infer([{"a": 1.5}, {"a": None}])

    assert field(schema, "a")["type"] == ["null", "number"]
    assert evidence("/a", "nullable", 1, 2) in found


def test_integers_are_numbers_as_soon_as_one_number_has_a_fraction() -> None:
    assert field(infer([{"a": 1}, {"a": 2}]).schema, "a")["type"] == "integer"
    assert field(infer([{"a": 1}, {"a": 2.5}]).schema, "a")["type"] == "number"


@pytest.mark.parametrize(
    ("lowest", "highest", "limits"),
    [
        (-3.2, 37.4, (-10, 40)), (0, 1, (0, 1)), (0.31, 0.36, (0.31, 0.36)), (12, 13, (12, 13)),
        (990, 1034.7, (990, 1040)), (5, 5, (5, 5)), (-(2**63), 2**63 - 1, (-(2**63), 2**63 - 1)),
    ],
)  # fmt: skip
def test_limits_are_round_and_hold_what_was_seen(lowest: float, highest: float, limits: tuple[float, float]) -> None:
    assert outwards(lowest, highest) == limits


def test_a_range_says_what_was_seen() -> None:
    schema, found, _ = infer([{"a": -3.2}, {"a": 37.4}])

    assert (field(schema, "a")["minimum"], field(schema, "a")["maximum"]) == (-10, 40)
    assert evidence("/a", "minimum -10 (lowest seen: -3.2)", 2, 2) in found


def test_a_number_that_is_always_the_same_has_no_limits() -> None:
    assert field(infer([{"a": 1.5}] * 100).schema, "a") == {"type": "number"}


def test_a_few_integers_are_an_enum() -> None:
    assert field(infer([Values(a=number) for number in (0, 1, 3)] * 20).schema, "a")["enum"] == [0, 1, 3]


def test_a_few_texts_seen_again_and_again_are_an_enum() -> None:
    schema, found, _ = infer([Values(a=name) for name in ("low", "high", None)] * 40)

    assert field(schema, "a") == {"type": ["null", "string"], "enum": ["high", "low", None]}
    assert evidence("/a", "enum of 2", 80, 120) in found


@pytest.mark.parametrize(
    "values",
    [
        ["a", "b"], [f"text {number}" for number in range(200)], ["x" * 101, "y"] * 100, [1.5, 2.5] * 100,
        ["always the same"] * 100, list(range(6)) * 20, ["192.0.2.1", "192.0.2.2"] * 50,
    ],
)  # fmt: skip
def test_what_may_well_go_on_is_no_enum(values: list[object]) -> None:
    assert "enum" not in field(infer({"a": value} for value in values).schema, "a")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("date-time", "2025-04-11T12:00:00+02:00"), ("date", "2025-04-11"), ("ipv4", "192.0.2.7"), ("ipv6", "2001:db8::7"),
        ("uuid", "2eb8aa08-aa98-11ea-b4aa-73b441d16380"), ("email", "a@example.org"),
    ],
)  # fmt: skip
def test_texts_of_one_format_are_proposed_with_it(name: str, text: str) -> None:
    schema, found, _ = infer([{"a": text}] * 3)

    assert field(schema, "a") == {"type": "string", "format": name}
    assert evidence("/a", f"format {name}", 3, 3) in found
    assert "format" not in field(infer([{"a": text}, {"a": "other"}]).schema, "a")


def test_objects_and_arrays_are_looked_into() -> None:
    schema, found, _ = infer([{"site": {"name": "x"}, "readings": [1.5, 2.5]}, {"site": {}, "readings": []}])

    assert field(schema, "site", "name")["type"] == "string"
    assert field(schema, "readings")["items"] == {"type": "number", "minimum": 1, "maximum": 3}
    assert evidence("/site/name", "required", 1, 2) in found
    assert evidence("/readings/*", "type number", 2, 2) in found


def test_an_object_with_ever_other_names_keeps_them_open() -> None:
    schema = infer(Values(counts={f"key {number}": 1}) for number in range(MAX_MEMBERS + 1)).schema

    assert field(schema, "counts") == {"type": "object"}


def test_a_proposal_names_a_bounded_number_of_fields() -> None:
    wide: Values = {f"a{number}": {f"b{member}": 1 for member in range(100)} for number in range(100)}

    found = infer([wide]).evidence

    assert len([one for one in found if one["claim"] == "required"]) == MAX_FIELDS


def test_events_after_the_first_10_000_are_not_read() -> None:
    events = (Values(a=number) for number in range(MAX_EVENTS + 5))

    assert infer(events).events == MAX_EVENTS
    assert len(list(events)) == 5


def test_no_event_at_all_proposes_an_object() -> None:
    schema, found, count = infer([])

    assert (schema["type"], found, count) == ("object", [], 0)


scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["2025-01-01T00:00:00Z", "192.0.2.7", "low", "high", ""])
)  # fmt: skip
json_values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=3), scalars, max_size=3)
payloads = st.dictionaries(st.sampled_from(["a", "b", "c/~d", "$ref"]), json_values, max_size=4)


@given(st.lists(payloads, max_size=8), st.integers(1, 60))
def test_a_proposal_compiles_and_accepts_every_event_it_was_made_of(events: list[Values], times: int) -> None:
    found = infer(events * times)

    schema = compile_schema(found.schema)
    assert [schema.violations(values) for values in events if not schema.is_valid(values)] == []
    assert all(0 < one["in"] <= one["of"] for one in found.evidence)
