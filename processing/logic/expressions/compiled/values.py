"""Code for values, of which None is unknown: what has no fast form calls the functions of the interpreter."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from processing.logic.expressions.arithmetic import ARITHMETIC, linear, negative
from processing.logic.expressions.compiled.generator import Generator
from processing.logic.expressions.compiled.templates import constant, fill, name
from processing.logic.expressions.kinds import Kind
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
    Value,
    looks_up,
)
from processing.logic.expressions.values import COMPARE, equal

_OPPOSITE = "None if (V := X) is None else not V"
# A part that decides, the further parts, and what neither decides. `D` is what decides.
_FOLD = "D if (V := X) is D else (D if (W := Y) is D else (None if V is None or W is None else R))"


class Values(Generator):
    """The part of the generator that is about values of any kind."""

    def operand(self, node: Node) -> ast.expr:
        code: ast.expr = _FORMS[type(node)](self, node)
        return code

    def field(self, node: Field) -> ast.expr:
        return self._scope.field(node.path)

    def fact(self, node: Fact) -> ast.expr:
        return name(node.name)

    def literal(self, node: Literal) -> ast.expr:
        return constant(node.value)

    def label(self, node: Label) -> ast.expr:
        return self._scope.label(node.name)

    def call(self, node: Call) -> ast.expr:
        return self._called(node.total, *map(self.operand, node.arguments))

    def choice(self, node: Choice) -> ast.expr:
        test = self.truth(node.condition, wanted=True)
        return fill("Y if C else N", C=test, Y=self.value(node.yes), N=self.value(node.no))

    def coalesce(self, node: Coalesce) -> ast.expr:
        return self._first(node.parts)

    def exists(self, node: Exists) -> ast.expr:
        if isinstance(node.subject, Label):
            return fill("X is not None", X=self._scope.label(node.subject.name))
        return self._scope.has_field(node.subject.path)

    def both(self, node: Both) -> ast.expr:
        return self._folded(node.parts, decides=node.operator == "or")

    def opposite(self, node: Not) -> ast.expr:
        return fill(_OPPOSITE, X=self._boolean(node.part), V=self._scope.fresh())

    def comparison(self, node: Comparison) -> ast.expr:
        return self._called(COMPARE[node.operator], self.operand(node.left), self.operand(node.right))

    def membership(self, node: Membership) -> ast.expr:
        return self._called(_among(node.choices), self.operand(node.item))

    def tagged(self, node: Tagged) -> ast.expr:
        template = "V in tags if type(V := X) is str else None"
        return fill(template, X=self.operand(node.item), V=self._scope.fresh())

    def _called(self, function: object, *arguments: ast.expr) -> ast.expr:
        return ast.Call(self._scope.bind(function), list(arguments), [])

    def _boolean(self, node: Node) -> ast.expr:
        operand = self.operand(node)
        if node.kind is Kind.BOOLEAN and not isinstance(node, Found):
            return operand
        return fill("V if type(V := X) is bool else None", X=operand, V=self._scope.fresh())

    def _folded(self, parts: Sequence[Node], *, decides: bool) -> ast.expr:
        first, *rest = parts
        if not rest:
            return self._boolean(first)
        return fill(
            _FOLD,
            X=self._boolean(first),
            Y=self._folded(rest, decides=decides),
            V=self._scope.fresh(),
            W=self._scope.fresh(),
            D=constant(decides),
            R=constant(not decides),
        )

    def result(self, node: Arithmetic | Negative | Converted) -> ast.expr:
        if node.kind is Kind.NUMBER and not looks_up(node):
            return fill("V if (V := X) == V else None", X=self.number(node), V=self._scope.fresh())
        match node:
            case Negative(part=part):
                return self._called(negative, self.operand(part))
            case Converted(part=part, factor=factor, offset=offset):
                return self._called(linear, self.operand(part), constant(factor), constant(offset))
            case Arithmetic(operator=operator, left=left, right=right):
                return self._called(ARITHMETIC[operator], self.operand(left), self.operand(right))

    def _first(self, parts: Sequence[Node]) -> ast.expr:
        first, *rest = parts
        if not rest:
            return self.value(first)
        known = self._scope.fresh()
        template = "V if (V := X) is not None else Y"
        return fill(template, X=self.value(first), Y=self._first(rest), V=known)

    def found(self, node: Found) -> ast.expr:
        cells = self._scope.tables[node.table].column(node.column)
        parts = {
            "K": self._scope.fresh(),
            "V": self._scope.fresh(),
            "GET": self._scope.bind(cells.get),
            "X": self.operand(node.key),
            "M": self._missed,
        }
        tests = {
            Kind.TEXT: "type(K := X) is str",
            Kind.BOOLEAN: "type(K := X) is bool",
            Kind.NUMBER: "(K := number(X)) is not None",
        }
        return fill(f"(V if (V := GET(K)) is not None else M()) if {tests[node.key_kind]} else None", **parts)


_FORMS: dict[type[Node], Callable[..., ast.expr]] = {
    Field: Values.field,
    Fact: Values.fact,
    Literal: Values.literal,
    Label: Values.label,
    Call: Values.call,
    Choice: Values.choice,
    Coalesce: Values.coalesce,
    Exists: Values.exists,
    Both: Values.both,
    Not: Values.opposite,
    Comparison: Values.comparison,
    Membership: Values.membership,
    Tagged: Values.tagged,
    Arithmetic: Values.result,
    Negative: Values.result,
    Converted: Values.result,
    Found: Values.found,
}


def _among(choices: Sequence[Value]) -> object:
    def among(item: object) -> Scalar:
        known = [equal(item, choice) for choice in choices]
        return None if None in known else True in known

    return among
