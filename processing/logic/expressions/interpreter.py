"""The reference: works an expression out node by node. Slow and plain; the compiled code must give the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from processing.logic.expressions.arithmetic import ARITHMETIC, linear, negative
from processing.logic.expressions.lookup import Tables, is_key
from processing.logic.expressions.tree import (
    Arithmetic,
    Both,
    Call,
    Choice,
    Coalesce,
    Comparison,
    Converted,
    Exists,
    Fact,
    Field,
    Found,
    Label,
    Literal,
    Membership,
    Negative,
    Node,
    Not,
    Scalar,
    Tagged,
)
from processing.logic.expressions.values import COMPARE, equal, plain

Values = Mapping[str, object]


class Surroundings(msgspec.Struct):
    """What an expression sees of one event."""

    values: Values
    source: str
    timestamp: int  # microseconds since the epoch
    received: int  # microseconds since the epoch
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    tables: Tables = {}
    missed: int = 0  # lookups that found nothing


ABSENT = object()


def at_path(values: object, path: tuple[str, ...]) -> object:
    """Return what is at a path of a payload; ABSENT: nothing is, not even null."""
    for key in path:
        if type(values) is not dict or key not in values:
            return ABSENT
        values = values[key]
    return values


def evaluate(node: Node, seen: Surroundings) -> Scalar:
    """Return the value of an expression; None: unknown. A field that holds an object or a list is unknown."""
    return plain(_operand(node, seen)) if isinstance(node, Field) else _value(node, seen)


def _operand(node: Node, seen: Surroundings) -> object:
    """Return a value as functions and comparisons take it: of a field, whatever it holds."""
    match node:
        case Field(path=path):
            found = at_path(seen.values, path)
            return None if found is ABSENT else found
        case Fact(name="tags"):
            return seen.tags
    return _value(node, seen)


def _value(node: Node, seen: Surroundings) -> Scalar:
    return _EVALUATE[type(node)](node, seen)


def truth(node: Node, seen: Surroundings) -> bool | None:
    """Return whether a condition is true; None: unknown, as also for what is no boolean."""
    known = _operand(node, seen)
    return known if isinstance(known, bool) else None


def _literal(node: Literal, _seen: Surroundings) -> Scalar:
    return node.value


def _label(node: Label, seen: Surroundings) -> Scalar:
    return seen.labels.get(node.name)


def _fact(node: Fact, seen: Surroundings) -> Scalar:
    if node.name == "source":
        return seen.source
    return seen.timestamp if node.name == "timestamp" else seen.received


def _both(node: Both, seen: Surroundings) -> bool | None:
    """Return what Kleene's logic says: one false part decides `and`, one true part decides `or`."""
    decides = node.operator == "or"
    result: bool | None = not decides
    for part in node.parts:
        known = truth(part, seen)
        if known is decides:
            return decides
        if known is None:
            result = None
    return result


def _not(node: Not, seen: Surroundings) -> bool | None:
    known = truth(node.part, seen)
    return None if known is None else not known


def _comparison(node: Comparison, seen: Surroundings) -> bool | None:
    return COMPARE[node.operator](_operand(node.left, seen), _operand(node.right, seen))


def _membership(node: Membership, seen: Surroundings) -> bool | None:
    item = _operand(node.item, seen)
    known = [equal(item, choice) for choice in node.choices]
    return None if None in known else True in known


def _tagged(node: Tagged, seen: Surroundings) -> bool | None:
    item = _operand(node.item, seen)
    return item in seen.tags if type(item) is str else None


def _choice(node: Choice, seen: Surroundings) -> Scalar:
    return evaluate(node.yes if truth(node.condition, seen) is True else node.no, seen)


def _coalesce(node: Coalesce, seen: Surroundings) -> Scalar:
    known = (evaluate(part, seen) for part in node.parts)
    return next((value for value in known if value is not None), None)


def _negative(node: Negative, seen: Surroundings) -> Scalar:
    return negative(_operand(node.part, seen))


def _arithmetic(node: Arithmetic, seen: Surroundings) -> Scalar:
    return ARITHMETIC[node.operator](_operand(node.left, seen), _operand(node.right, seen))


def _call(node: Call, seen: Surroundings) -> Scalar:
    return node.total(*[_operand(argument, seen) for argument in node.arguments])


def _converted(node: Converted, seen: Surroundings) -> Scalar:
    return linear(_operand(node.part, seen), node.factor, node.offset)


def _exists(node: Exists, seen: Surroundings) -> bool:
    if isinstance(node.subject, Label):
        return node.subject.name in seen.labels
    return at_path(seen.values, node.subject.path) is not ABSENT


def _found(node: Found, seen: Surroundings) -> Scalar:
    key = _operand(node.key, seen)
    if not is_key(key, node.key_kind):
        return None
    found = seen.tables[node.table].column(node.column).get(key)  # type: ignore[call-overload]
    if found is None:
        seen.missed += 1
    return found  # type: ignore[no-any-return]


_EVALUATE: dict[type[Node], Callable[..., Scalar]] = {
    Literal: _literal,
    Label: _label,
    Fact: _fact,
    Both: _both,
    Not: _not,
    Comparison: _comparison,
    Membership: _membership,
    Tagged: _tagged,
    Choice: _choice,
    Coalesce: _coalesce,
    Negative: _negative,
    Arithmetic: _arithmetic,
    Call: _call,
    Converted: _converted,
    Exists: _exists,
    Found: _found,
}
