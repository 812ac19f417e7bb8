"""What a new version of a schema no longer accepts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from processing.logic.faults import InvalidLogic
from processing.logic.schemas.compare import Comparison, compare, compare_with_all
from processing.logic.schemas.options import Values
from processing.logic.schemas.schema import compile_schema

Document = dict[str, object]

NUMBER: Document = {"type": "number"}
TEXT: Document = {"type": "string"}


def fields(**schemas: object) -> Document:
    return {"type": "object", "properties": schemas, "required": list(schemas)}


def details(found: Comparison) -> list[tuple[str, str]]:
    return [(violation.pointer, violation.detail) for lost in found.lost for violation in lost.violations]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (fields(a=NUMBER), fields(a=NUMBER)),
        (fields(a=NUMBER), {}),
        (fields(a={"type": "integer"}), fields(a=NUMBER)),
        (fields(a={"enum": ["x"]}), fields(a=TEXT)),
        (fields(a=TEXT), {**fields(a=TEXT), "title": "another"}),
        (fields(a={**TEXT, "format": "uuid"}), fields(a=TEXT)),
    ],
)
def test_a_version_that_accepts_as_much_loses_nothing(old: Document, new: Document) -> None:
    assert compare(old, new) == Comparison("nothing", [])


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        (fields(a=NUMBER), fields(a={**NUMBER, "maximum": 5}), ("/a", "expected at most 5")),
        (fields(a=NUMBER), fields(a={"type": "integer"}), ("/a", "expected integer, got number")),
        (fields(a={"type": ["number", "null"]}), fields(a=NUMBER), ("/a", "expected number, got null")),
        (fields(a=TEXT), fields(a={"enum": ["x", "y"]}), ("/a", 'expected one of ["x","y"]')),
        (fields(a=TEXT), fields(a={**TEXT, "pattern": "^a"}), ("/a", "expected to match ^a")),
        (fields(a=TEXT), fields(a={**TEXT, "format": "uuid"}), ("/a", "expected the format uuid")),
        ({"properties": {"a": NUMBER}}, {"properties": {"a": NUMBER}, "required": ["a"]}, ("/a", "is required")),
        (fields(a=fields(b=TEXT)), fields(a=fields(b=NUMBER)), ("/a/b", "expected number, got string")),
        (fields(a=NUMBER), {**fields(a=NUMBER), "additionalProperties": False}, ("/anotherName", "is not in the schema")),
    ],
)  # fmt: skip
def test_a_version_that_accepts_less_says_what_it_loses(old: Document, new: Document, lost: tuple[str, str]) -> None:
    found = compare(old, new)

    assert found.answer == "something"
    assert lost in details(found)


def test_each_field_that_is_narrowed_has_an_example_of_its_own() -> None:
    found = compare(fields(a=NUMBER, b=TEXT), fields(a={**NUMBER, "maximum": 5}, b={**TEXT, "minLength": 3}))

    assert details(found) == [("/a", "expected at most 5"), ("/b", "expected at least 3 characters")]


def test_a_new_version_is_compared_with_all_earlier_ones() -> None:
    found = compare_with_all({2: fields(a=NUMBER), 1: fields(a={"type": "integer"})}, fields(a={"type": "integer"}))

    assert [(version, one.answer) for version, one in found.items()] == [(1, "nothing"), (2, "something")]


def test_what_the_library_does_not_know_is_said() -> None:
    tuples: Document = {"oneOf": [{"properties": {name: {"pattern": f"{name}+$"}}} for name in "abc"]}
    others: Document = {"oneOf": [{"properties": {name: {"pattern": f"{name}{name}*$"}}} for name in "abc"]}

    assert compare(tuples, others) == Comparison("cannot say", [])


@pytest.mark.parametrize("closed", [{}, {"additionalProperties": False}, {"propertyNames": {"maxLength": 9}}])
def test_many_changes_at_once_take_no_time(closed: Document) -> None:
    old = fields(**{f"f{number}": {**NUMBER, "minimum": 0} for number in range(300)})
    new = fields(**{f"f{number}": {**NUMBER, "minimum": 1} for number in range(300)})
    began = time.perf_counter()

    found = compare({**old, **closed}, {**new, **closed})

    assert found.answer == ("cannot say" if "propertyNames" in closed else "something")
    assert time.perf_counter() - began < 2


leaves = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["number", "integer", "string", "null", ["number", "null"]]),
        "minimum": st.integers(-2, 2), "maximum": st.integers(-2, 2), "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": st.integers(0, 2), "maxLength": st.integers(0, 2), "pattern": st.sampled_from(["^a", "b$"]),
        "enum": st.lists(st.sampled_from([1, 2, "a", None]), min_size=1, unique_by=repr), "const": st.sampled_from([1, "a"]),
        "format": st.sampled_from(["uuid", "date"]),
    },
)  # fmt: skip
some = st.recursive(
    leaves | st.booleans(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "required": st.lists(st.sampled_from("ab"), unique=True), "additionalProperties": inner, "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2), "oneOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2), "not": inner, "minProperties": st.integers(0, 2),
            "if": inner, "then": inner, "contains": inner, "uniqueItems": st.booleans(),
        },
    ),
    max_leaves=4,
)  # fmt: skip
documents = st.fixed_dictionaries(
    {"properties": st.dictionaries(st.sampled_from("ab"), some, max_size=2)},
    optional={
        "required": st.lists(st.sampled_from("ab"), unique=True), "additionalProperties": some, "anyOf": st.lists(some, min_size=1, max_size=2),
    },
)  # fmt: skip
values = st.recursive(
    st.sampled_from([None, True, 0, 1, 2, -1, 0.5, 1.5, "", "a", "b", "ab", "xyz", "2025-01-01"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)


@given(documents, documents, st.lists(st.dictionaries(st.sampled_from("abc"), values, max_size=3), max_size=30))
def test_when_nothing_is_lost_no_event_is_and_every_example_is_one_that_is(
    old: Document, new: Document, events: list[Values]
) -> None:
    try:
        before, after = compile_schema(old), compile_schema(new)
    except InvalidLogic:  # one accepts nothing
        reject()

    found = compare(old, new)

    lost = [values for values in events if before.is_valid(values) and not after.is_valid(values)]
    assert not (lost and found.answer == "nothing")
    assert all(
        before.is_valid(one.example) and not after.is_valid(one.example)
        for one in found.lost
        if one.example is not None
    )
