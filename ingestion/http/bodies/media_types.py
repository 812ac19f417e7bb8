"""Media types, read in linear time and only if they are short."""

from __future__ import annotations

MAX_BYTES = 256  # of a media type with its parameters, and of any header that is parsed


def split(media: str) -> tuple[str, str]:
    """Return the type and the subtype in lower case, without parameters; empty ones for a text that is too long."""
    if len(media) > MAX_BYTES:
        return "", ""
    kind, _, subtype = media.partition(";")[0].strip().lower().partition("/")
    return kind, subtype
