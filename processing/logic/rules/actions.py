"""The actions of rules, each a line of text."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from processing.logic.expressions.lookup import Tables
from processing.logic.expressions.reading.parse import parse_assignment, parse_expression, parse_field
from processing.logic.expressions.tree import Literal, Node
from processing.logic.faults import Fault, InvalidLogic, nearest
from processing.logic.rules.results import LOGIC_ERROR

Path = tuple[str, ...]

TAG_PATTERN = re.compile(r"[a-z0-9_.:-]{1,64}")
TAG_FORM = "1 to 64 of a-z 0-9 _ . : -"
MAX_REASON = 500  # characters
_TO = re.compile(r"\sto\s")


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a rule does."""

    text: str  # as written


class Set(Action, frozen=True, kw_only=True):
    """Sets a field; one whose value is unknown is left as it is."""

    path: Path
    value: Node


class Remove(Action, frozen=True, kw_only=True):
    """Removes a field."""

    path: Path


class Rename(Action, frozen=True, kw_only=True):
    """Moves a field, with all that is in it."""

    path: Path
    to: Path


class Tag(Action, frozen=True, kw_only=True):
    """Adds a tag."""

    name: str


class Untag(Action, frozen=True, kw_only=True):
    """Removes a tag."""

    name: str


class Ending(Action, frozen=True, kw_only=True):
    """Skips what comes after it."""


class Reject(Ending, frozen=True, kw_only=True):
    """Makes the event a dead letter."""

    reason: str


class Drop(Ending, frozen=True, kw_only=True):
    """Keeps nothing of the event but a count."""


class Stop(Ending, frozen=True, kw_only=True):
    """Skips later rules."""


class _Line(msgspec.Struct, frozen=True):
    """A line as it is read."""

    text: str
    start: int  # of what stands behind the verb
    pointer: str
    tables: Tables

    @property
    def rest(self) -> str:
        return self.text[self.start :].strip()

    def fault(self, detail: str, *, start: int | None = None) -> InvalidLogic:
        column = (self.start if start is None else start) + 1
        return InvalidLogic([Fault(self.pointer, detail, 1, column)])


def parse_action(text: str, *, pointer: str, tables: Tables) -> Action:
    """Return the action that a line stands for.

    :raises InvalidLogic: it is none
    """
    begin = len(text) - len(text.lstrip())
    verb = text[begin:].split(None, 1)[0] if text.strip() else ""
    behind = begin + len(verb)
    # Where its argument begins, or would.
    start = behind + len(text[behind:]) - len(text[behind:].lstrip())
    line = _Line(text, start, pointer, tables)
    if verb not in _VERBS:
        raise line.fault(f"expected {', '.join(_VERBS)}{nearest(verb, _VERBS)}", start=begin)
    return _VERBS[verb](line)


def _set(line: _Line) -> Action:
    path, value = parse_assignment(line.text, pointer=line.pointer, tables=line.tables, start=line.start)
    return Set(text=line.text.strip(), path=path, value=value)


def _remove(line: _Line) -> Action:
    return Remove(text=line.text.strip(), path=parse_field(line.text, pointer=line.pointer, start=line.start))


def _rename(line: _Line) -> Action:
    # A key in quotes may have the word in it, too.
    error = line.fault("expected rename FIELD to FIELD")
    for found in _TO.finditer(line.text, line.start):
        before = line.text[: found.start()]
        try:
            path = parse_field(before, pointer=line.pointer, start=line.start)
            to = parse_field(line.text, pointer=line.pointer, start=found.end())
        except InvalidLogic as refused:
            error = refused
        else:
            return Rename(text=line.text.strip(), path=path, to=to)
    raise error


def _tag(line: _Line) -> Action:
    name = _tag_name(line)
    if name == LOGIC_ERROR:
        raise line.fault(f"{LOGIC_ERROR} is for events that a rule failed on")
    return Tag(text=line.text.strip(), name=name)


def _untag(line: _Line) -> Action:
    return Untag(text=line.text.strip(), name=_tag_name(line))


def _tag_name(line: _Line) -> str:
    if TAG_PATTERN.fullmatch(line.rest):
        return line.rest
    wished = re.sub(r"[^a-z0-9_.:-]+", "_", line.rest.strip("\"'").lower())[:64]
    raise line.fault(f"expected a tag of {TAG_FORM}" + (f"; did you mean {wished}?" if wished else ""))


def _reject(line: _Line) -> Action:
    form = 'expected a reason in quotes, as in reject "too hot"'
    if not line.rest:
        raise line.fault(form)
    padded = " " * line.start + line.text[line.start :]
    found = parse_expression(padded, pointer=line.pointer, tables={})
    if not isinstance(found, Literal) or not isinstance(found.value, str) or not found.value.strip():
        raise line.fault(form)
    if len(found.value) > MAX_REASON:
        raise line.fault(f"expected a reason of at most {MAX_REASON} characters")
    return Reject(text=line.text.strip(), reason=found.value)


def _drop(line: _Line) -> Action:
    _end(line, "drop")
    return Drop(text=line.text.strip())


def _stop(line: _Line) -> Action:
    _end(line, "stop")
    return Stop(text=line.text.strip())


def _end(line: _Line, verb: str) -> None:
    if line.rest:
        raise line.fault(f"{verb} takes nothing behind it")


_VERBS: dict[str, Callable[[_Line], Action]] = {
    "set": _set,
    "remove": _remove,
    "rename": _rename,
    "tag": _tag,
    "untag": _untag,
    "reject": _reject,
    "drop": _drop,
    "stop": _stop,
}
