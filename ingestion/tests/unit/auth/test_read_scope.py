"""Scopes of readers: what they include, and what differs between two of them."""

from __future__ import annotations

import pytest

from ingestion.auth.read_scope import EVERYTHING, ReadScope
from ingestion.problems import Code, RequestRejected

TWO = ReadScope(frozenset({"a", "b"}))
NOTHING = ReadScope(frozenset())


def test_a_scope_of_some_sources_is_narrowed_to_one_of_them_and_to_no_other() -> None:
    assert TWO.narrowed("a") == ReadScope(frozenset({"a"}))
    assert TWO.narrowed(None) == TWO
    assert EVERYTHING.narrowed("c") == ReadScope(frozenset({"c"}))
    for outside in ("c", "A", "a,b", ""):
        with pytest.raises(RequestRejected) as refused:
            TWO.narrowed(outside)
        assert refused.value.code is Code.SOURCE_NOT_ALLOWED
        assert "c" not in refused.value.detail.split()


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
    ]

    assert ReadScope(frozenset({"b", "a"})).cache_key == TWO.cache_key
    assert len({scope.cache_key for scope in scopes}) == len(scopes)


def test_what_can_not_be_divided_needs_everything() -> None:
    EVERYTHING.require_whole()
    with pytest.raises(RequestRejected):
        TWO.require_whole()
