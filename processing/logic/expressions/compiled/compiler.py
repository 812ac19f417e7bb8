"""The generator of code, whole, and which fields are worth loading once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from processing.logic.expressions.compiled.conditions import Conditions
from processing.logic.expressions.compiled.numbers import Numbers
from processing.logic.expressions.compiled.scope import Path
from processing.logic.expressions.compiled.values import Values
from processing.logic.expressions.kinds import Kind
from processing.logic.expressions.tree import (
    Arithmetic,
    Comparison,
    Converted,
    Field,
    Membership,
    Negative,
    Node,
    children,
)


class Compiler(Numbers, Conditions, Values):
    """Generates code for expressions of one scope."""


def shared_fields(nodes: Iterable[Node]) -> tuple[list[Path], list[Path]]:
    """Return the fields that are read more than once: those used as they are, and those used as numbers."""
    raw: Counter[Path] = Counter()
    numeric: Counter[Path] = Counter()
    for node in nodes:
        for path, is_numeric in _uses(node):
            (numeric if is_numeric else raw)[path] += 1
    views = [path for path, uses in numeric.items() if uses > 1]
    # A view is made from the field.
    return [path for path, uses in raw.items() if uses + (path in views) > 1], views


def _uses(node: Node, *, as_number: bool = False) -> Iterator[tuple[Path, bool]]:
    if isinstance(node, Field):
        yield node.path, as_number
        return
    numeric = _takes_numbers(node)
    for child in children(node):
        yield from _uses(child, as_number=numeric)


def _takes_numbers(node: Node) -> bool:
    match node:
        case Comparison(left=left, right=right):
            return Kind.NUMBER in {left.kind, right.kind}
        case Membership(choices_kind=kind):
            return kind is Kind.NUMBER
        case Arithmetic(kind=kind):
            return kind is Kind.NUMBER
    return isinstance(node, Negative | Converted)
