from __future__ import annotations

import pytest

from deploy.testing.deployment import Deployment
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from ingestion.auth.source_patterns import is_pattern, matches
from queries.reads import known_sources
from queries.reads.known_sources import TooManySources
from queries.tests.stored import account

pytestmark = pytest.mark.services

SOURCES = ("hall-1", "hall-10", "hall_1", "hallway", "yard-1")
PATTERNS = ("hall-1", "hall-1*", "hall*", "hall-*", "hall_*", "yard-*", "*", "z*", "unknown")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_stands_for_the_sources_that_begin_with_it(site: Deployment, pattern: str) -> None:
    for source in SOURCES:
        account(source)

    found = known_sources.resolve([pattern], scope=EVERYTHING, limit=10)

    assert is_pattern(pattern)
    assert found - {pattern} == {source for source in SOURCES if matches(pattern, source)} - {pattern}


def test_several_patterns_stand_for_the_sources_of_each(site: Deployment) -> None:
    for source in SOURCES:
        account(source)

    assert known_sources.resolve(["hall-*", "yard-1", "new"], scope=EVERYTHING, limit=4) == {
        "hall-1",
        "hall-10",
        "yard-1",
        "new",
    }
    with pytest.raises(TooManySources):
        known_sources.resolve(["hall-*", "yard-1", "new"], scope=EVERYTHING, limit=3)


def test_a_pattern_stands_for_the_sources_of_the_reader_alone(site: Deployment) -> None:
    for source in SOURCES:
        account(source)
    scope = ReadScope(frozenset({"hall-1", "yard-1", "new"}))

    assert known_sources.resolve(["hall-*", "yard-1", "new", "newer"], scope=scope, limit=3) == {
        "hall-1",
        "yard-1",
        "new",
    }


@pytest.mark.parametrize("text", ["", "-hall*", "h*l", "hall**", "hall %*", "h" * 129, "hall\0*"])
def test_other_texts_are_no_patterns(text: str) -> None:
    assert not is_pattern(text)
