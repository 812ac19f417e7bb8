from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.events import fields
from queries.request import field_filters
from queries.request.field_filters import OPERATORS, FieldFilter, Number
from queries.request.query_params import InvalidParameter

NOISE = st.text(alphabet='ab.[]\\,"0159eE+-tnu \n\0é')


@given(NOISE, NOISE)
def test_any_text_is_a_filter_or_refused_without_being_repeated(name: str, value: str) -> None:
    with suppress(InvalidParameter):
        field_filters.parse([(f"field.{name}", value)])


@given(
    st.lists(st.text(alphabet="ab.[]\\é", min_size=1, max_size=12), min_size=1, max_size=5), st.sampled_from(OPERATORS)
)
def test_every_key_can_be_named(keys: list[str], operator: str) -> None:
    path = fields.join(keys).replace("[", "\\[").replace("]", "\\]")

    [found] = field_filters.parse([(f"field.{path}[{operator}]", "true" if operator == "exists" else "x")])

    assert (found.path, found.operator) == (tuple(keys), operator)


@given(
    st.lists(st.text(alphabet="ab.[]\\é", min_size=1, max_size=12), min_size=1, max_size=5), st.sampled_from(OPERATORS)
)
def test_a_name_is_split_into_what_it_was_made_of(keys: list[str], operator: str) -> None:
    path = fields.join(keys)

    assert field_filters.split_name(field_filters.name_of(path, operator)) == (path, operator)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("field.a", ("a", "eq")), ("field.a[]", ("a", "")), ("field.a[no]", ("a", "no")), ("field.a\\[0\\]", ("a[0]", "eq")),
        ("field.", None), ("field.a[0]b", None), ("field.a\\", None), ("field", None), ("a[eq]", None), ("fieldsa", None),
    ],
)  # fmt: skip
def test_a_name_has_a_path_and_an_operator_or_is_of_no_filter(name: str, parts: tuple[str, str] | None) -> None:
    assert field_filters.split_name(name) == parts


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8")), min_size=1, max_size=20))
def test_a_list_of_quoted_texts_is_read_as_it_was_written(texts: list[str]) -> None:
    [found] = field_filters.parse([("field.a[in]", ",".join(map(json.dumps, texts)))])

    assert found.values == tuple(dict.fromkeys(texts))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", Number("5")), ("-0", Number("-0")), ("1.50E+3", Number("1.50E+3")), ("01", "01"), ("1.", "1."), (".5", ".5"),
        ("+1", "+1"), ("1e", "1e"), ("٣", "٣"), ("Infinity", "Infinity"), ("true", True), ("True", "True"), ("null", None),
        ('"5"', "5"), ('"\\u00e9"', "é"), ("a,b", "a,b"), (" 5", " 5"), ("", ""),
    ],
)  # fmt: skip
def test_a_value_is_what_it_is_in_json_or_a_text(text: str, value: object) -> None:
    assert field_filters.parse([("field.a", text)]) == (FieldFilter(("a",), "eq", (value,)),)  # type: ignore[arg-type]
