"""The checked tree of an expression. It is immutable, and holds nothing that an event could change."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from processing.logic.expressions.kinds import Kind

Value = int | float | str | bool
Scalar = Value | None  # None: unknown
# Given arguments of any type; returns None if they are not of its types. It never raises.
Total = Callable[..., Scalar]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an expression."""

    kind: Kind
    text: str = ""  # as written


class Literal(Node, frozen=True, kw_only=True):
    """A value that is written in the expression; None: unknown."""

    value: Scalar


class Field(Node, frozen=True, kw_only=True):
    """A field of the payload."""

    path: tuple[str, ...]


class Label(Node, frozen=True, kw_only=True):
    """A label of the event's source."""

    name: str


class Fact(Node, frozen=True, kw_only=True):
    """What comes with the event: `source`, `timestamp`, `received` or `tags`."""

    name: str


class Both(Node, frozen=True, kw_only=True):
    """Conditions that are joined by `and` or `or`."""

    operator: str
    parts: tuple[Node, ...]


class Not(Node, frozen=True, kw_only=True):
    """The opposite of a condition."""

    part: Node


class Comparison(Node, frozen=True, kw_only=True):
    """Two values and one of == != < <= > >=."""

    operator: str
    left: Node
    right: Node


class Membership(Node, frozen=True, kw_only=True):
    """Whether a value is one of those that are written there, all of one kind."""

    item: Node
    choices: tuple[Value, ...]
    choices_kind: Kind


class Tagged(Node, frozen=True, kw_only=True):
    """Whether a text is among the tags."""

    item: Node


class Negative(Node, frozen=True, kw_only=True):
    """A number with the other sign."""

    part: Node


class Arithmetic(Node, frozen=True, kw_only=True):
    """Two values and one of + - * / // %. Of kind ANY: a sum of numbers or of texts, which is not known before."""

    operator: str
    left: Node
    right: Node


class Choice(Node, frozen=True, kw_only=True):
    """`yes if condition else no`: no, unless the condition is true."""

    condition: Node
    yes: Node
    no: Node


class Call(Node, frozen=True, kw_only=True):
    """A function of values."""

    function: str
    arguments: tuple[Node, ...]
    total: Total


class Exists(Node, frozen=True, kw_only=True):
    """Whether a field or a label is there, be it null."""

    subject: Field | Label


class Coalesce(Node, frozen=True, kw_only=True):
    """The first value that is known."""

    parts: tuple[Node, ...]


class Converted(Node, frozen=True, kw_only=True):
    """A number in another unit."""

    part: Node
    factor: float
    offset: float


class Found(Node, frozen=True, kw_only=True):
    """A cell of a lookup table. A key that has none is counted."""

    table: str
    column: str
    key: Node
    key_kind: Kind


def children(node: Node) -> tuple[Node, ...]:
    """Return the parts of a node, in order."""
    match node:
        case Both(parts=parts) | Coalesce(parts=parts) | Call(arguments=parts):
            return parts
        case Comparison(left=left, right=right) | Arithmetic(left=left, right=right):
            return left, right
        case Choice(condition=condition, yes=yes, no=no):
            return condition, yes, no
        case Not(part=part) | Negative(part=part) | Converted(part=part) | Tagged(item=part):
            return (part,)
        case Membership(item=part) | Found(key=part) | Exists(subject=part):
            return (part,)
    return ()


def looks_up(node: Node) -> bool:
    """Return whether an expression reads a lookup table, and so counts what it misses."""
    return isinstance(node, Found) or any(map(looks_up, children(node)))
