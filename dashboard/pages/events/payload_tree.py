"""A payload as a tree of lines for a template. Each value has the filter that finds events with the same."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import urlencode

from processing.events import fields
from queries.request.field_filters import FieldFilter, Number, Value
from queries.request.filter_line import writing
from queries.request.filter_line.terms import FieldTerm, FilterLine

MAX_NODES = 1_000
MAX_TEXT = 2_000  # characters of one value


@dataclass(slots=True)
class Node:
    """A member of an object, or an element of a list."""

    key: str
    kind: str  # object, list, text, number, boolean, null
    text: str = ""  # of a value; of an object or list how much it has
    address: str = ""  # of the events with the same value
    children: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Tree:
    """The members of a payload."""

    nodes: list[Node]
    is_cut: bool  # there are more than MAX_NODES


def of(payload: dict[str, object]) -> Tree:
    """Return a payload as a tree."""
    growing = _Growing()
    nodes = growing.members(payload, ())
    return Tree(nodes, growing.left <= 0)


@dataclass(slots=True)
class _Growing:
    left: int = MAX_NODES

    def members(self, value: dict[str, object], path: tuple[str, ...]) -> list[Node]:
        found: list[Node] = []
        for key, member in value.items():
            if self.left <= 0:
                break
            found.append(self._node(key, member, (*path, key)))
        return found

    def _node(self, key: str, value: object, path: tuple[str, ...]) -> Node:
        self.left -= 1
        if isinstance(value, dict):
            return Node(key, "object", _count(len(value), "field"), children=self.members(value, path))
        if isinstance(value, list):
            items = {str(index): item for index, item in enumerate(value)}
            return Node(key, "list", _count(len(value), "element"), children=self.members(items, path))
        text = json.dumps(value, ensure_ascii=False)
        shown = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
        return Node(key, _kind(value), shown, _address(path, value))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _address(path: tuple[str, ...], value: object) -> str:
    if len(fields.join(path).encode()) > fields.MAX_PATH or (isinstance(value, str) and len(value) > MAX_TEXT // 10):
        return ""
    given: Value = value if value is None or isinstance(value, bool | str) else Number(json.dumps(value))
    line = FilterLine((FieldTerm(FieldFilter(path, "eq", (given,))),))
    return urlencode({"filter": writing.write(line)})
