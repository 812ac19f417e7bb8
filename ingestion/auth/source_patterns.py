"""Patterns of sources, as readers name them: a source id, or its beginning and a `*` for any end."""

from __future__ import annotations

from ingestion.events.model import SOURCE_ID_PATTERN

ANY = "*"
PATTERN_FORM = "a source id, or the beginning of one and a * for any end"


def is_pattern(text: str) -> bool:
    """Return whether a text is a source id or a pattern of source ids."""
    return text == ANY or SOURCE_ID_PATTERN.fullmatch(text.removesuffix(ANY)) is not None


def matches(pattern: str, source_id: str) -> bool:
    """Return whether a source is one of those that a pattern stands for."""
    return source_id.startswith(pattern[:-1]) if pattern.endswith(ANY) else source_id == pattern
