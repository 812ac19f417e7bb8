"""Where in a JSON text a pointer leads (RFC 6901), and the dotted path of the same field. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from processing.events import fields

_SPACE = re.compile(r"[ \t\r\n]*")
_skip = json.JSONDecoder().raw_decode
_WRONG = (ValueError, IndexError, RecursionError)


class Place(NamedTuple):
    """A part of a text."""

    start: int
    end: int


def keys_of(pointer: str) -> tuple[str, ...]:
    """Return the keys of a pointer, none for the whole."""
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:])


def path(keys: Sequence[str]) -> str:
    """Return the dotted path of keys."""
    return fields.join(keys)


def path_of(pointer: str) -> str | None:
    """Return the dotted path of a pointer; None: it names no field."""
    keys = keys_of(pointer)
    if not keys or not all(keys) or len(fields.join(keys).encode()) > fields.MAX_PATH:
        return None
    return fields.join(keys)


def locate(text: str, pointer: str, *, key: bool = False) -> Place | None:
    """Return the place of the value that a pointer leads to, the last one of doubled keys.

    Without the value, the beginning of its object: there it is missing. None: the text is not JSON up to there.

    :param key: with its key
    """
    try:
        return _located(text, keys_of(pointer), with_key=key)
    except _WRONG:
        return None


def scalar(text: bytes, pointer: str) -> str | None:
    """Return a text or a number that a pointer leads to, as text; None: there is neither."""
    try:
        whole = text.decode()
        place = _located(whole, keys_of(pointer), with_key=False, missing=False)
        value = None if place is None else json.loads(whole[place.start : place.end])
    except _WRONG:
        return None
    if isinstance(value, bool) or place is None or not isinstance(value, str | int | float):
        return None
    return value if isinstance(value, str) else whole[place.start : place.end]


def syntax_error(text: str) -> int | None:
    """Return where a text stops being JSON; None: it is JSON."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos
    except RecursionError:
        return None
    return None


def _located(text: str, keys: Sequence[str], *, with_key: bool, missing: bool = True) -> Place | None:
    at = _after_space(text, 0)
    found = whole = Place(at, _skip(text, at)[1])
    for key in keys:
        inner = _member(text, found.start, key) if text[found.start] == "{" else _item(text, found.start, key)
        if inner is None:
            # Its opening bracket stands for an object without the key.
            return Place(found.start, found.start + 1) if missing else None
        first, found = inner
        whole = Place(first, found.end)
    return whole if with_key else found


def _member(text: str, start: int, wanted: str) -> tuple[int, Place] | None:
    found, at = None, _after_space(text, start + 1)
    while text[at] == '"':
        key_start = at
        key, at = _skip(text, at)
        at = _after_space(text, _after_space(text, at) + 1)
        end = _skip(text, at)[1]
        if key == wanted:
            found = key_start, Place(at, end)
        at = _after_space(text, end)
        if text[at] != ",":
            break
        at = _after_space(text, at + 1)
    return found


def _item(text: str, start: int, wanted: str) -> tuple[int, Place] | None:
    if text[start] != "[" or not wanted.isdecimal():
        return None
    at = _after_space(text, start + 1)
    for _ in range(int(wanted)):
        at = _after_space(text, _skip(text, at)[1])
        if text[at] != ",":
            return None
        at = _after_space(text, at + 1)
    return at, Place(at, _skip(text, at)[1])


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
