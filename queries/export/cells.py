"""What the cells of a row stand for: times, tags, fields of the payload; and the names of their columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from processing.events import fields as paths

# The names of the columns before the payload or its fields, as GET /data has them.
NAMES = ("eventId", "sourceId", "timestamp", "receivedAt", "storedAt", "tags")
PAYLOAD = "payload"

# An integer up to this is a double without loss.
MAX_EXACT = 2**53
_DIGITS = frozenset("-0123456789")  # a number of JSON begins with


def column_names(fields: Iterable[Sequence[str]], *, taken: Iterable[str]) -> Iterator[str]:
    """Yield the names of the columns of fields: their paths, behind `payload.` where there is a column of that name."""
    used = set(taken)
    for path in fields:
        name = paths.join(path)
        while name in used:
            name = f"{PAYLOAD}.{name}"
        used.add(name)
        yield name


def number(json_text: str) -> float | None:
    """Return the number that a cell of JSON is; None: it is none, or there is nothing."""
    return float(json_text) if json_text[:1] in _DIGITS else None


def beside_number(json_text: str) -> str | None:
    """Return a cell of JSON where `number` does not give its whole value; None where it does, or there is nothing."""
    if not json_text:
        return None
    if json_text[0] not in _DIGITS:
        return json_text
    is_exact = not json_text.lstrip("-").isdigit() or abs(int(json_text)) <= MAX_EXACT
    return None if is_exact else json_text
