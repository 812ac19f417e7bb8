"""Code for conditions: `not` goes down to the comparisons, so that the common ones are plain comparisons of Python."""

from __future__ import annotations

import ast

from processing.logic.expressions.compiled.generator import Generator
from processing.logic.expressions.compiled.templates import constant, fill
from processing.logic.expressions.kinds import Kind
from processing.logic.expressions.tree import (
    Both,
    Choice,
    Comparison,
    Exists,
    Fact,
    Literal,
    Membership,
    Node,
    Not,
    Tagged,
    looks_up,
)
from processing.logic.expressions.values import COMPARE

_INVERSE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MANY = 8  # values, from which on a set is faster than one comparison after the other


class Conditions(Generator):
    """The part of the generator that is about conditions."""

    def truth(self, node: Node, *, wanted: bool) -> ast.expr:
        if looks_up(node):
            return self._is(self.operand(node), wanted=wanted)
        match node:
            case Both(operator=operator, parts=parts):
                every = (operator == "and") is wanted
                return ast.BoolOp(ast.And() if every else ast.Or(), [self.truth(part, wanted=wanted) for part in parts])
            case Not(part=part):
                return self.truth(part, wanted=not wanted)
            case Comparison():
                return self._compared(node, wanted=wanted)
            case Membership():
                return self._among(node, wanted=wanted)
        return self._simple(node, wanted=wanted)

    def _simple(self, node: Node, *, wanted: bool) -> ast.expr:
        match node:
            case Choice(condition=condition, yes=yes, no=no):
                test = self.truth(condition, wanted=True)
                yes_code, no_code = self.truth(yes, wanted=wanted), self.truth(no, wanted=wanted)
                return fill("Y if C else N", C=test, Y=yes_code, N=no_code)
            case Literal(value=value):
                return constant(value is wanted)
            case Exists():
                return fill("X" if wanted else "not X", X=self.operand(node))
            case Tagged(item=item) if wanted:
                return fill("X in tags", X=self.operand(item))
            case Tagged(item=item):
                text = self._scope.fresh()
                return fill("type(V := X) is str and V not in tags", X=self.operand(item), V=text)
        return self._is(self.operand(node), wanted=wanted)

    def _is(self, value: ast.expr, *, wanted: bool) -> ast.expr:
        return fill("X is W", X=value, W=constant(wanted))

    def _compared(self, node: Comparison, *, wanted: bool) -> ast.expr:
        operator = node.operator if wanted else _INVERSE[node.operator]
        kinds = {node.left.kind, node.right.kind}
        if Kind.TIME in kinds:
            return _operation(operator, self.operand(node.left), self.operand(node.right))
        if Kind.NUMBER in kinds:
            return self._numbers(operator, node.left, node.right)
        if Kind.TEXT in kinds:
            return self._texts(operator, node.left, node.right)
        compare = self._scope.bind(COMPARE[node.operator])
        result = fill("F(L, R)", F=compare, L=self.operand(node.left), R=self.operand(node.right))
        return self._is(result, wanted=wanted)

    def _numbers(self, operator: str, left: Node, right: Node) -> ast.expr:
        first, second = self.number(left), self.number(right)
        if operator != "!=":
            return _operation(operator, first, second)
        # NaN is unequal to everything, itself as well.
        one, other = self._scope.fresh(), self._scope.fresh()
        if isinstance(right, Literal):
            return fill("(V := L) == V != R", V=one, L=first, R=second)
        return fill("(V := L) == V and (W := R) == W and V != W", V=one, W=other, L=first, R=second)

    def _texts(self, operator: str, left: Node, right: Node) -> ast.expr:
        first, second = self.operand(left), self.operand(right)
        one, other = self._scope.fresh(), self._scope.fresh()
        if _is_surely_text(left) and _is_surely_text(right):
            return _operation(operator, first, second)
        if operator == "==" and (_is_surely_text(left) or _is_surely_text(right)):
            return _operation(operator, first, second)
        if _is_surely_text(right):
            return fill("type(V := L) is str and X", V=one, L=first, X=_operation(operator, one, second))
        both = fill("type(V := L) is str and type(W := R) is str", V=one, W=other, L=first, R=second)
        return fill("B and X", B=both, X=_operation(operator, one, other))

    def _among(self, node: Membership, *, wanted: bool) -> ast.expr:
        choices = constant(frozenset(node.choices) if len(node.choices) >= _MANY else node.choices)
        item = self._scope.fresh()
        if node.choices_kind is Kind.NUMBER:
            template = "X in C" if wanted else "(V := X) == V and V not in C"
            return fill(template, X=self.number(node.item), V=item, C=choices)
        kind = "str" if node.choices_kind is Kind.TEXT else "bool"
        if wanted and kind == "str" and len(node.choices) < _MANY:
            return fill("X in C", X=self.operand(node.item), C=choices)
        sign = "in" if wanted else "not in"
        return fill(f"type(V := X) is {kind} and V {sign} C", X=self.operand(node.item), V=item, C=choices)


def _operation(operator: str, left: ast.expr, right: ast.expr) -> ast.expr:
    return fill(f"L {operator} R", L=left, R=right)


def _is_surely_text(node: Node) -> bool:
    """Return whether an operand is a text in every event."""
    return isinstance(node, Literal | Fact)
