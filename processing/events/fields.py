"""The fields of a payload: how a path names one, and which numbers are rolled up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

MAX_FIELDS = 64  # of one event, the first in sorted order
MAX_PATH = 256  # bytes

Number = int | float

_STEP = re.compile(r"(?:[^.\\]|\\[.\\])+", re.DOTALL)
_PATH = re.compile(rf"{_STEP.pattern}(?:\.{_STEP.pattern})*", re.DOTALL)
_ESCAPED = re.compile(r"\\([.\\])")


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


def split(path: str) -> tuple[str, ...]:
    """Return the keys of a dotted path; `join` is the way back.

    :raises ValueError: it is too long, a step is empty, or a backslash escapes something else than a dot or a backslash
    """
    if len(path.encode()) > MAX_PATH or not _PATH.fullmatch(path):
        raise ValueError(path)
    return tuple(_ESCAPED.sub(r"\1", step) for step in _STEP.findall(path))


def join(keys: Iterable[str]) -> str:
    """Return the dotted path of these keys."""
    return ".".join(map(escape, keys))
