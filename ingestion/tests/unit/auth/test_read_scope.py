"""Scopes of readers: what they include, and what differs between two of them."""

from __future__ import annotations

import pytest

from ingestion.auth.read_scope import EVERYTHING, ReadScope
from ingestion.problems import RequestRejected

TWO = ReadScope(frozenset({"a", "b"}))
NOTHING = ReadScope(frozenset())


def test_a_scope_of_some_sources_is_narrowed_to_one_of_them_and_by_any_other_to_nothing() -> None:
    assert TWO.narrowed("a") == ReadScope(frozenset({"a"}))
    assert TWO.narrowed(None) == TWO
    assert EVERYTHING.narrowed("c") == ReadScope(frozenset({"c"}))
    for outside in ("c", "A", "a,b", ""):
        assert TWO.narrowed(outside) == NOTHING


def test_a_scope_among_several_sources_has_those_of_them_that_it_had_before() -> None:
    assert TWO.among(["b", "c"]) == ReadScope(frozenset({"b"}))
    assert TWO.among(None) == TWO
    assert TWO.among([]) == EVERYTHING.among([]) == NOTHING.among(["a"]) == NOTHING
    assert EVERYTHING.among(["b", "c"]) == ReadScope(frozenset({"b", "c"}))


def test_the_scope_of_no_source_includes_nothing_and_is_not_everything() -> None:
    assert not NOTHING.whole
    assert not NOTHING.includes("a")
    assert NOTHING.condition() == ("source_id = ANY(%s)", [[]])
    assert NOTHING.lookup() == {"source_id__in": []}


def test_only_everything_covers_lines_whose_source_is_unknown() -> None:
    assert EVERYTHING.covers(["a", ""])
    assert TWO.covers(["a", "b"])
    assert not TWO.covers(["a", ""])


def test_equal_scopes_share_cached_answers_and_different_ones_never_do() -> None:
    scopes = [
        EVERYTHING,
        NOTHING,
        TWO,
        ReadScope(frozenset({"a"})),
        ReadScope(frozenset({"ab"})),
        ReadScope(frozenset({"all"})),
        ReadScope(frozenset({"none"})),
        ReadScope(frozenset({""})),
    ]

    assert ReadScope(frozenset({"b", "a"})).cache_key == TWO.cache_key
    assert len({scope.cache_key for scope in scopes}) == len(scopes)


def test_what_can_not_be_divided_needs_everything() -> None:
    EVERYTHING.require_whole()
    with pytest.raises(RequestRejected):
        TWO.require_whole()
