"""The form of patterns of sources: a source id, or its beginning and a `*` for any end."""

from __future__ import annotations

from ingestion.events.model import SOURCE_ID_FORM, SOURCE_ID_PATTERN

ANY = "*"
_OR_BEGINNING = "or the beginning of one and a * for any end"
PATTERN_FORM = f"a source id, {_OR_BEGINNING}"
WHOLE_FORM = f"{SOURCE_ID_FORM}, {_OR_BEGINNING}"  # where nothing else says what an id is


def is_pattern(text: str) -> bool:
    """Return whether a text is a source id or a pattern of source ids."""
    return text == ANY or SOURCE_ID_PATTERN.fullmatch(text.removesuffix(ANY)) is not None
