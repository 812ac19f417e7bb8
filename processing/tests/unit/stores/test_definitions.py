"""The SQL of declared indexes: which rows they hold, and their names."""

from __future__ import annotations

import pytest

from processing.stores.fields.definitions import MAX_NAME, Definition


@pytest.mark.parametrize(
    ("pattern", "condition"),
    [
        ("*", "true"),
        ("plant-1", "source_id = 'plant-1'"),
        ("plant-*", "starts_with(source_id, 'plant-')"),
        ("a:b._-*", "starts_with(source_id, 'a:b._-')"),
    ],
)
def test_a_pattern_is_a_condition_of_rows(pattern: str, condition: str) -> None:
    assert Definition.of(7, pattern, "level").condition == condition


def test_a_name_says_whose_index_it_is_and_where() -> None:
    assert Definition.of(7, "*", "level").name("events_2026_03") == "field_7_events_2026_03"


def test_names_that_postgresql_would_cut_stay_different() -> None:
    definition = Definition.of(7, "*", "level")

    names = {definition.name("x" * 60 + end) for end in ("a", "b")}

    assert len(names) == 2
    assert all(len(name) <= MAX_NAME and name.startswith("field_7_") for name in names)
