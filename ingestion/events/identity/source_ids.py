"""Source ids: their check, the cache of those that this process has seen, and how to derive one from free text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from threading import Lock

from ingestion.events.model import SOURCE_ID_FORM, SOURCE_ID_PATTERN, InvalidEvent
from ingestion.problems import Code

REMEMBERED = 100_000  # source ids in the cache, some 20 MB; others are checked each time

HASH_DIGITS = 10
READABLE = 128 - HASH_DIGITS - 1  # characters
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._:]+")

# Each checked source id with its bytes. The hot path reads it directly. In a receiver it holds sources whose events Kafka
# has acknowledged, so that input that is refused changes nothing for others.
known: dict[str, bytes] = {}
_lock = Lock()


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


def remember(source: str) -> None:
    """Add a checked source id to the cache; if it is full, the oldest one gives way."""
    if source in known:
        return
    with _lock:
        if len(known) >= REMEMBERED:
            del known[next(iter(known))]
        known[source] = source.encode()


def forget(sources: Iterable[str]) -> None:
    """Remove source ids from the cache."""
    with _lock:
        for source in sources:
            known.pop(source, None)


def slug(text: str, *, of: str | None = None) -> str:
    """Return the source id for a text, the same each time: `/my/context` becomes `my-context-2ff1a0c9d3`.

    :param of: the text to hash, where `text` is only the readable part of it
    """
    digest = blake2b((text if of is None else of).encode(), digest_size=HASH_DIGITS // 2).hexdigest()
    readable = _NOT_ALLOWED.sub("-", text).strip("-._:")[:READABLE]
    return f"{readable}-{digest}" if readable else digest
