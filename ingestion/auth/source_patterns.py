"""Patterns of sources, as readers name them: a source id, or its beginning and a `*` for any end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ingestion.events.pattern_form import ANY, PATTERN_FORM, is_pattern

__all__ = ["ANY", "PATTERN_FORM", "Split", "is_pattern", "matches", "split"]


class Split(NamedTuple):
    """Patterns as a receiver compares them."""

    ids: frozenset[str]
    beginnings: tuple[str, ...]  # of any further sources


def matches(pattern: str, source_id: str) -> bool:
    """Return whether a source is one of those that a pattern stands for."""
    return source_id.startswith(pattern[:-1]) if pattern.endswith(ANY) else source_id == pattern


def split(patterns: Iterable[str]) -> Split | None:
    """Return the ids and the beginnings among patterns; None: one of them is for every source."""
    given = set(patterns)
    if ANY in given:
        return None
    ids = frozenset(each for each in given if not each.endswith(ANY))
    return Split(ids, tuple(sorted(each[:-1] for each in given - ids)))
