"""Operators: which kinds of values they take, and what is refused because it could never have a result."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ingestion.events import timestamps
from ingestion.events.model import InvalidEvent
from processing.logic.expressions.functions import seconds_between
from processing.logic.expressions.kinds import BOOLEAN, NUMBER, TEXT, Kind, Kinds, fits, joined
from processing.logic.expressions.reading import work
from processing.logic.expressions.reading.syntax import Written
from processing.logic.expressions.tree import (
    Arithmetic,
    Both,
    Call,
    Choice,
    Comparison,
    Literal,
    Membership,
    Negative,
    Node,
    Not,
    Tagged,
    Value,
)
from processing.logic.expressions.values import number
from processing.logic.faults import InvalidLogic

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
}
_EQUALITIES = {"==", "!="}


class Operands:
    """Builds nodes of operators whose operands are read already.

    :raises InvalidLogic: each of its methods, where the kinds of the operands can never go together
    """

    def __init__(self, written: Written, node: ast.expr) -> None:
        self._written = written
        self._node = node
        self._text = written.segment(node)

    def need(self, part: Node, wanted: Kinds, what: str) -> Node:
        """Check that a result can be of a kind."""
        if not fits(part.kind, wanted):
            raise self._refused(f"{what} takes {' or '.join(sorted(wanted))}, got {part.kind}")
        return part

    def both(self, operator: str, parts: Iterable[Node]) -> Node:
        known = tuple(self.need(part, BOOLEAN, operator) for part in parts)
        return Both(kind=Kind.BOOLEAN, text=self._text, operator=operator, parts=known)

    def negated(self, part: Node) -> Node:
        return Not(kind=Kind.BOOLEAN, text=self._text, part=self.need(part, BOOLEAN, "not"))

    def negative(self, part: Node) -> Node:
        self.need(part, NUMBER, "-")
        if isinstance(part, Literal):
            return self.literal(-part.value)  # type: ignore[operator]
        return Negative(kind=Kind.NUMBER, text=self._text, part=part)

    def choice(self, condition: Node, yes: Node, no: Node) -> Node:
        self.need(condition, BOOLEAN, "if")
        kind = joined(frozenset({yes.kind, no.kind}))
        if kind is None or Kind.TAGS in (yes.kind, no.kind):
            raise self._refused(f"{yes.kind} and {no.kind} can't be alternatives")
        return Choice(kind=kind, text=self._text, condition=condition, yes=yes, no=no)

    def arithmetic(self, operator: str, left: Node, right: Node) -> Node:
        kinds = frozenset({left.kind, right.kind})
        self._written.spend(work.of_operator(operator, kinds), self._node)
        if operator == "-" and kinds == {Kind.TIME}:
            return Call(kind=Kind.NUMBER, text=self._text, function="-", arguments=(left, right), total=seconds_between)
        if operator == "+" and Kind.TEXT in kinds:
            return self._arithmetic(operator, left, right, TEXT)
        if operator == "+" and kinds == {Kind.ANY}:
            return Arithmetic(kind=Kind.ANY, text=self._text, operator=operator, left=left, right=right)
        return self._arithmetic(operator, left, right, NUMBER)

    def _arithmetic(self, operator: str, left: Node, right: Node, wanted: Kinds) -> Node:
        self.need(left, wanted, operator)
        self.need(right, wanted, operator)
        (kind,) = wanted
        return Arithmetic(kind=kind, text=self._text, operator=operator, left=left, right=right)

    def comparison(self, operator: str, left: Node, right: Node) -> Node:
        left, right = self._timed(left, right), self._timed(right, left)
        kinds = frozenset({left.kind, right.kind})
        self._written.spend(work.of_operator(operator, kinds), self._node)
        if Kind.NOTHING in kinds:
            raise self._refused("nothing equals None; exists(FIELD) is true where there is a field")
        if Kind.TAGS in kinds:
            raise self._refused('the tags can\'t be compared; "NAME" in tags is true where there is a tag')
        if (len(kinds) > 1 and Kind.ANY not in kinds) or (Kind.TIME in kinds and Kind.ANY in kinds):
            raise self._refused(f"{left.kind} is never compared with {right.kind}{self._time_hint(kinds)}")
        if Kind.BOOLEAN in kinds and operator not in _EQUALITIES:
            raise self._refused(f"booleans have no order for {operator}")
        return Comparison(kind=Kind.BOOLEAN, text=self._text, operator=operator, left=left, right=right)

    def _time_hint(self, kinds: Kinds) -> str:
        return '; a time is written as "2025-04-11T12:00:00Z"' if Kind.TIME in kinds else ""

    def _timed(self, part: Node, other: Node) -> Node:
        """Return a text that is compared with a time as the time that it stands for."""
        if other.kind is not Kind.TIME or not isinstance(part, Literal) or not isinstance(part.value, str):
            return part
        try:
            time = timestamps.from_text(part.value)
        except (InvalidEvent, OverflowError) as error:
            raise self._refused("expected a time with a zone, as in 2025-04-11T12:00:00Z") from error
        return Literal(kind=Kind.TIME, text=part.text, value=time)

    def between(self, value: Node, low: Node, high: Node) -> Node:
        return self.both("and", [self.comparison(">=", value, low), self.comparison("<=", value, high)])

    def membership(self, item: Node, choices: list[Node]) -> Node:
        values = [self._chosen(choice) for choice in choices]
        kind = joined(frozenset(choice.kind for choice in choices))
        if not values or kind not in {Kind.NUMBER, Kind.TEXT, Kind.BOOLEAN}:
            raise self._refused("expected numbers alone or texts alone behind `in`")
        if not fits(item.kind, frozenset({kind})):
            raise self._refused(f"{item.kind} is never one of these, each {kind}")
        return Membership(
            kind=Kind.BOOLEAN, text=self._text, item=item, choices=tuple(dict.fromkeys(values)), choices_kind=kind
        )

    def _chosen(self, choice: Node) -> Value:
        if not isinstance(choice, Literal) or choice.value is None:
            raise self._refused("expected numbers or texts as they are behind `in`")
        return choice.value

    def tagged(self, item: Node) -> Node:
        return Tagged(kind=Kind.BOOLEAN, text=self._text, item=self.need(item, TEXT, "in tags"))

    def literal(self, value: object) -> Node:
        """Return a number, boolean or None; texts are checked elsewhere."""
        if value is None:
            return Literal(kind=Kind.NOTHING, text=self._text, value=None)
        if isinstance(value, bool):
            return Literal(kind=Kind.BOOLEAN, text=self._text, value=value)
        known = number(value)
        if known is None:
            raise self._refused("expected an integer of 64 bits, a decimal, a text, True, False or None")
        return Literal(kind=Kind.NUMBER, text=self._text, value=known)

    def _refused(self, detail: str) -> InvalidLogic:
        return self._written.refused(detail, self._node)
