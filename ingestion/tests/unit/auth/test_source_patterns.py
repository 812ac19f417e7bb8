from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from ingestion.auth import source_patterns
from ingestion.auth.api_keys import Grant
from ingestion.auth.source_patterns import is_pattern, matches, split
from ingestion.models import MAX_PATTERNS, check_patterns

NAMES = ("plant-1", "plant-2", "plant", "planta-1", "hall-1", "hall-10", "p", "Plant-1")
BINDINGS = (["plant-*"], ["hall-1"], ["hall-1", "plant-*"], ["p*"], ["hall-1*", "plant-2"], ["none-*"])


def grant(*patterns: str) -> Grant:
    found = split(patterns)
    ids, beginnings = (None, ()) if found is None else found
    return Grant("key", frozenset({"ingest"}), ids, "", None, beginnings)


@pytest.mark.parametrize("patterns", BINDINGS)
def test_a_key_is_for_the_sources_that_its_patterns_stand_for_and_for_no_other(patterns: list[str]) -> None:
    expected = {name for name in NAMES if not any(matches(pattern, name) for pattern in patterns)}

    assert grant(*patterns).outside(set(NAMES)) == expected
    assert grant(*patterns).patterns == frozenset(patterns)


def test_the_pattern_for_every_source_binds_to_none() -> None:
    assert split(["plant-1", source_patterns.ANY]) is None
    assert grant("plant-1", "*").outside(set(NAMES)) == frozenset()
    assert grant("*").patterns is None


@pytest.mark.parametrize(
    "text", ["a", "a*", "*", "", "a b", "a**", "*a", "a*b", "a" * 128, "a" * 129, "-", "a\n", "a\0*"]
)
def test_what_a_key_may_hold_is_what_a_reader_may_name(text: str) -> None:
    try:
        check_patterns(["b", text])
        valid = True
    except ValidationError:
        valid = False

    assert valid == is_pattern(text)


def test_patterns_of_one_key_are_bounded_and_ids_are_not() -> None:
    check_patterns([f"source-{number}" for number in range(10 * MAX_PATTERNS)])
    check_patterns([f"a{number}-*" for number in range(MAX_PATTERNS)])
    with pytest.raises(ValidationError):
        check_patterns([f"a{number}-*" for number in range(MAX_PATTERNS + 1)])
