"""The sources that this process has seen: checked once each, and never more than the limit."""

from __future__ import annotations

from ingestion.contract import SOURCE_ID_PATTERN, InvalidEvent
from ingestion.problems import Code

# Without a limit only so many are remembered; the rest is checked each time.
REMEMBERED = 100_000

# Each checked source id with its bytes. Read directly where a call costs too much; only `admit` adds.
known: dict[str, bytes] = {}


def check(source: str) -> None:
    """Hold a source id to its form.

    :raises InvalidEvent: another form
    """
    if source not in known and not SOURCE_ID_PATTERN.fullmatch(source):
        raise InvalidEvent(
            Code.INVALID_SOURCE_ID,
            "expected 1 to 128 of A-Z a-z 0-9 . _ : - that start with a letter or digit",
            pointer="/sourceId",
        )


def admit(source: str, *, limit: int | None) -> bytes:
    """Count a checked source among those seen, and give its bytes.

    :raises InvalidEvent: it is one more than `limit`
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
