"""Which numbers of a payload are rolled up, and under what name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

MAX_FIELDS = 64  # of one event, the first in sorted order
MAX_PATH = 256  # bytes

Number = int | float


def numeric_fields(payload: Mapping[str, object]) -> dict[str, Number]:
    """Return the numbers of a payload by dotted path: `{"a": {"b.c": 1}}` has the field `a.b\\.c`.

    Booleans are not numbers, and elements of arrays have no name; both are left out.
    """
    found = dict(_walk(payload, ""))
    if len(found) <= MAX_FIELDS:
        return found
    return {path: found[path] for path in sorted(found)[:MAX_FIELDS]}


def escape(key: str) -> str:
    """Write a key as one step of a path."""
    return key.replace("\\", "\\\\").replace(".", "\\.")


def _walk(members: Mapping[str, object], prefix: str) -> Iterator[tuple[str, Number]]:
    for key, value in members.items():
        path = prefix + escape(key)
        if isinstance(value, dict):
            yield from _walk(value, path + ".")
        elif isinstance(value, int | float) and not isinstance(value, bool) and len(path.encode()) <= MAX_PATH:
            yield path, value
