"""Source ids: their check, the cache of those that this process has seen, and how to derive one from free text."""

from __future__ import annotations

import re
from hashlib import blake2b

from ingestion.events.model import SOURCE_ID_FORM, SOURCE_ID_PATTERN, InvalidEvent
from ingestion.problems import Code

REMEMBERED = 100_000  # source ids in the cache where there is no limit; others are checked each time

HASH_DIGITS = 10
READABLE = 128 - HASH_DIGITS - 1  # characters
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._:]+")

# Each checked source id with its bytes. The hot path reads it directly; only `admit` adds to it.
known: dict[str, bytes] = {}


def check(source: str) -> None:
    """Validate a source id.

    :raises InvalidEvent: it does not match SOURCE_ID_PATTERN
    """
    if source not in known and not SOURCE_ID_PATTERN.fullmatch(source):
        raise InvalidEvent(
            Code.INVALID_SOURCE_ID,
            f"expected {SOURCE_ID_FORM}",
            pointer="/sourceId",
        )


def admit(source: str, *, limit: int | None) -> bytes:
    """Add a checked source id to the cache, and return its bytes.

    :raises InvalidEvent: the cache holds `limit` others already
    """
    seen = known.get(source)
    if seen is not None:
        return seen
    if limit is not None and len(known) >= limit:
        raise InvalidEvent(
            Code.TOO_MANY_SOURCES, f"this process has seen {limit} distinct sources, its limit", pointer="/sourceId"
        )
    if limit is not None or len(known) < REMEMBERED:
        known[source] = source.encode()
    return source.encode()


def slug(text: str, *, of: str | None = None) -> str:
    """Return the source id for a text, the same each time: `/my/context` becomes `my-context-2ff1a0c9d3`.

    :param of: the text to hash, where `text` is only the readable part of it
    """
    digest = blake2b((text if of is None else of).encode(), digest_size=HASH_DIGITS // 2).hexdigest()
    readable = _NOT_ALLOWED.sub("-", text).strip("-._:")[:READABLE]
    return f"{readable}-{digest}" if readable else digest
