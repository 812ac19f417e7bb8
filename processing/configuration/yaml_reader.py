"""Reads YAML of plain values, and where each of them stands. Anchors, aliases, tags and doubled keys are refused."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from yaml import SafeLoader, YAMLError, parse
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from processing.logic.faults import Fault, InvalidLogic
from processing.logic.revisions.pointers import escaped

MAX_BYTES = 16 * 1024 * 1024
MAX_NODES = 500_000  # values and keys; some seconds
MAX_DEPTH = 60  # levels: those of a payload, within an example, within a rule

# The words of YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema). `no`, `on` and 12:30 are texts.
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,20}")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]{1,400}|[0-9]{1,400}(?:\.[0-9]{0,400})?)(?:[eE][-+]?[0-9]{1,4})?")
_BLOCK = ("|", ">")


try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # a build without libyaml, which takes ten times as long
    _Loader = SafeLoader  # type: ignore[misc, assignment]


class Place(NamedTuple):
    """Where a key or a value begins, from 1."""

    line: int
    column: int
    style: str = ""  # of a scalar: as YAML calls it


@dataclass(slots=True)
class Document:
    """What a text says, and where it says so, by JSON pointer."""

    value: object = None
    keys: dict[str, Place] = field(default_factory=dict)
    values: dict[str, Place] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def placed(self, fault: Fault) -> Fault:
        """Return a fault with its place in the text; a fault within a text of the document has one of its own."""
        place = self.values.get(fault.pointer)
        if place is None or (fault.line == 0 and fault.pointer in self.keys):
            place = self.keys.get(fault.pointer) or self._nearest(fault.pointer)
        elif fault.line:
            place = self._within(place, fault)
        return fault._replace(line=place.line, column=place.column)

    def _nearest(self, pointer: str) -> Place:
        """Return the place of the nearest value around one that is not there."""
        while pointer and pointer not in self.values:
            pointer = pointer.rpartition("/")[0]
        return self.keys.get(pointer) or self.values.get(pointer) or Place(1, 1)

    def _within(self, place: Place, fault: Fault) -> Place:
        if place.style not in _BLOCK:
            quote = 1 if place.style else 0
            return Place(place.line, place.column + quote + fault.column - 1) if fault.line == 1 else place
        first = self.lines[place.line] if place.line < len(self.lines) else ""
        indent = len(first) - len(first.lstrip(" "))
        return Place(place.line + fault.line, indent + fault.column)


def read(text: bytes | str) -> Document:
    """Read a document.

    :raises InvalidLogic: it is no YAML, has what is refused, or is too large
    """
    reader = _Reader(_decoded(text))
    try:
        return reader.read()
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        detail = getattr(error, "problem", None) or "control characters are not allowed"
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise InvalidLogic([Fault("", f"not YAML: {detail}", *place)]) from error


def _decoded(text: bytes | str) -> str:
    if len(text) > MAX_BYTES:
        raise InvalidLogic([Fault("", f"expected at most {MAX_BYTES // 2**20} MiB")])
    try:
        return text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise InvalidLogic([Fault("", "expected UTF-8")]) from error


class _Reader:
    def __init__(self, text: str) -> None:
        self._events: Iterator[Event] = iter(parse(text, Loader=_Loader))
        self._document = Document(lines=text.splitlines())
        self._nodes = 0

    def read(self) -> Document:
        found = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                found += 1
                if found > 1:
                    raise _refused(event, "expected one document")
            elif isinstance(event, NodeEvent):
                self._document.value = self._node(event, "", 0)
        return self._document

    def _node(self, event: NodeEvent, pointer: str, depth: int) -> object:
        self._check(event, depth)
        self._document.values[pointer] = _place(event)
        if isinstance(event, MappingStartEvent):
            return self._mapping(pointer, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(pointer, depth)
        assert isinstance(event, ScalarEvent)
        return _scalar(event)

    def _check(self, event: NodeEvent, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _refused(event, f"expected at most {MAX_NODES:,} values")
        if depth > MAX_DEPTH:
            raise _refused(event, f"expected at most {MAX_DEPTH} levels")
        if isinstance(event, AliasEvent) or event.anchor is not None:
            raise _refused(event, "anchors and aliases are not allowed: write the value out")
        if getattr(event, "tag", None) is not None:
            raise _refused(event, "tags are not allowed; a text stands in quotes")

    def _mapping(self, pointer: str, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        while not isinstance(event := next(self._events), CollectionEndEvent):
            assert isinstance(event, NodeEvent)
            self._check(event, depth + 1)
            if not isinstance(event, ScalarEvent):
                raise _refused(event, "expected a text as the key")
            name = str(event.value)
            below = f"{pointer}/{escaped(name)}"
            if name in found:
                raise _refused(event, "this key is there twice", below)
            self._document.keys[below] = _place(event)
            found[name] = self._node(self._next(), below, depth + 1)
        return found

    def _sequence(self, pointer: str, depth: int) -> list[object]:
        found: list[object] = []
        while not isinstance(event := next(self._events), CollectionEndEvent):
            assert isinstance(event, NodeEvent)
            found.append(self._node(event, f"{pointer}/{len(found)}", depth + 1))
        return found

    def _next(self) -> NodeEvent:
        event = next(self._events)
        assert isinstance(event, NodeEvent)
        return event


def _scalar(event: ScalarEvent) -> object:
    text = str(event.value)
    return plain(text) if event.implicit[0] else text


def plain(text: str) -> object:
    """Return what a value without quotes means: a number, a word of YAML, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


def _place(event: Event) -> Place:
    mark = event.start_mark
    assert mark
    return Place(mark.line + 1, mark.column + 1, getattr(event, "style", None) or "")


def _refused(event: Event, detail: str, pointer: str = "") -> InvalidLogic:
    place = _place(event)
    return InvalidLogic([Fault(pointer, detail, place.line, place.column)])
