"""Code for numbers: NaN stands for unknown, goes through every sum and product, and is in no order with anything."""

from __future__ import annotations

import ast

from ingestion.events.model import INT64_MAX, INT64_MIN
from processing.logic.expressions.compiled.generator import Generator
from processing.logic.expressions.compiled.scope import NAN
from processing.logic.expressions.compiled.templates import constant, fill
from processing.logic.expressions.kinds import Kind
from processing.logic.expressions.tree import (
    Arithmetic,
    Choice,
    Converted,
    Field,
    Literal,
    Negative,
    Node,
    Value,
    looks_up,
)

_CHECKED = f"R if {INT64_MIN} <= (R := X) <= {INT64_MAX} else fitting(R)"
_BY_NUMBER = {"/": "L / R", "//": "L // R", "%": "L % R"}
_PLAIN = {"+": "L + R", "-": "L - R", "*": "L * R"}


class Numbers(Generator):
    """The part of the generator that is about numbers."""

    def number(self, node: Node) -> ast.expr:
        if looks_up(node):
            return self._scope.view(self.operand(node))
        match node:
            case Field(path=path):
                return self._scope.numeric_field(path)
            case Literal(value=value):
                return constant(value if _is_number(value) else NAN)
            case Arithmetic() | Negative() | Converted():
                return self._checked(self._unchecked(node))
            case Choice(condition=condition, yes=yes, no=no):
                test = self.truth(condition, wanted=True)
                return fill("Y if C else N", C=test, Y=self.number(yes), N=self.number(no))
        return self._scope.view(self.operand(node))

    def _checked(self, result: ast.expr) -> ast.expr:
        """Return code for a result that is NaN if it can't be stored."""
        return fill(_CHECKED, X=result, R=self._scope.fresh())

    def _unchecked(self, node: Node) -> ast.expr:
        match node:
            case Arithmetic(kind=Kind.NUMBER, operator=operator, left=left, right=right):
                if operator in _PLAIN:
                    return fill(_PLAIN[operator], L=self._term(left), R=self._term(right))
                return self._divided(_BY_NUMBER[operator], left, right)
            case Negative(part=part):
                return fill("-X", X=self._term(part))
            case Converted(part=part, factor=factor, offset=offset):
                return fill("X * F + O", X=self._term(part), F=constant(factor), O=constant(offset))
        return self._scope.view(self.operand(node))

    def _term(self, node: Node) -> ast.expr:
        """Return code for a part of a sum or product.

        A decimal that is out of range stays so through all that follows, up to the one check of the result.
        """
        return self._unchecked(node) if _is_decimal(node) else self.number(node)

    def _divided(self, template: str, left: Node, right: Node) -> ast.expr:
        if isinstance(right, Literal) and right.value:
            return fill(template, L=self._term(left), R=self.number(right))
        divisor = self._scope.fresh()
        quotient = fill(template, L=self._term(left), R=divisor)
        return fill("Q if (D := X) else nan", Q=quotient, D=divisor, X=self.number(right))


def _is_number(value: Value | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_decimal(node: Node) -> bool:
    """Return whether a sum or product is a decimal for sure, whatever the event holds."""
    match node:
        case Converted():
            return True
        case Arithmetic(operator="+" | "-" | "*", kind=Kind.NUMBER, left=left, right=right):
            return not looks_up(node) and any(_gives_decimal(part) for part in (left, right))
    return False


def _gives_decimal(node: Node) -> bool:
    if isinstance(node, Literal):
        return isinstance(node.value, float)
    return _is_decimal(node) or (isinstance(node, Arithmetic) and node.operator == "/")
