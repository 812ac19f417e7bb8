"""Parts of payloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def of(payload: Mapping[str, object], fields: Sequence[tuple[str, ...]]) -> dict[str, object]:
    """Return a payload with these fields alone, each in its place; those that it has not are left out."""
    found: dict[str, Any] = {}
    for path in fields:
        _copy(payload, found, path)
    return found


def _copy(source: object, target: dict[str, Any], path: Sequence[str]) -> None:
    key, *rest = path
    if not isinstance(source, dict) or key not in source:
        return
    value = source[key]
    if not rest:
        target[key] = value
    elif isinstance(value, dict):
        kept = target.get(key, {})
        # A field that was asked for as a whole has this part already.
        if kept is not value:
            _copy(value, kept, rest)
            if kept:
                target[key] = kept
