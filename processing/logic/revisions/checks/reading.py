"""Reads what people wrote, as structs: what does not fit becomes a fault with its place and the nearest valid word."""

from __future__ import annotations

import re
from types import UnionType
from typing import Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from processing.logic.faults import Fault, InvalidLogic, nearest
from processing.logic.revisions.pointers import escaped

Kind = TypeVar("Kind", bound=msgspec.Struct)

# msgspec reports errors as text only.
_MESSAGE = re.compile(r"(?P<detail>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_ENUM = re.compile(r"Invalid enum value (?P<name>.*)", re.DOTALL)


def convert(value: object, kind: type[Kind]) -> Kind:
    """Return a value of JSON or YAML as a struct.

    :raises InvalidLogic: it does not fit; with the first fault, since msgspec stops there
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidLogic([_fault(str(error), value, kind)]) from error


def _fault(text: str, value: object, kind: type[msgspec.Struct]) -> Fault:
    match = _MESSAGE.fullmatch(text)
    assert match
    steps = [name or index for name, index in _STEP.findall(match["path"] or "")]
    keys, found = _walk(steps, value, kind)
    pointer = "".join(f"/{escaped(key)}" for key in keys)
    unknown, enum = _UNKNOWN.fullmatch(match["detail"]), _ENUM.fullmatch(match["detail"])
    if unknown:
        name = unknown["name"]
        return Fault(f"{pointer}/{escaped(name)}", f"unknown{nearest(name, _members(found))}" + _there_are(name, found))
    if enum:
        words = [str(word) for word in get_args(found)] if get_origin(found) is Literal else []
        written = enum["name"].strip("'")
        return Fault(pointer, f"expected one of {', '.join(words)}{nearest(written, words)}")
    detail = match["detail"]
    return Fault(pointer, detail[:1].lower() + detail[1:].replace("`", ""))


def _there_are(name: str, kind: object) -> str:
    members = _members(kind)
    return "" if nearest(name, members) or not members else f"; there are: {', '.join(members)}"


def _members(kind: object) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return list(kind.__struct_encode_fields__)
    return []


def _walk(steps: list[str], value: object, kind: object) -> tuple[list[str], object]:
    """Return the keys that the steps of a path stand for, and the type at its end."""
    keys: list[str] = []
    for step in steps:
        kind = _within(_without_none(kind), step)
        key = _wrong_key(value, kind) if step == "..." else step
        keys.append(key)
        value = value.get(key) if isinstance(value, dict) else value[int(key)] if isinstance(value, list) else None
    return keys, _without_none(kind)


def _within(kind: object, step: str) -> object:
    """Return the type of a member of a struct, of the items of a list, or of the values of a dict."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        names = dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
        return get_type_hints(kind)[names[step]]
    return get_args(kind)[-1]


def _wrong_key(value: object, kind: object) -> str:
    """Return the key of the first value that does not fit: msgspec does not say which one it is."""
    assert isinstance(value, dict)
    for key, member in value.items():
        try:
            msgspec.convert(member, kind)
        except msgspec.ValidationError:
            return str(key)
    return ""


def _without_none(kind: object) -> object:
    if get_origin(kind) in {Union, UnionType}:
        return next(each for each in get_args(kind) if each is not type(None))
    return kind
