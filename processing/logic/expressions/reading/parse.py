"""From a text to the checked tree of an expression: only what is listed here is part of the language."""

from __future__ import annotations

import ast

from processing.logic.expressions.kinds import BOOLEAN, Kind
from processing.logic.expressions.lookup import Tables
from processing.logic.expressions.reading import names, syntax
from processing.logic.expressions.reading.calls import Caller
from processing.logic.expressions.reading.operators import COMPARISONS, OPERATORS, Operands
from processing.logic.expressions.reading.syntax import Written
from processing.logic.expressions.tree import Fact, Literal, Node
from processing.logic.faults import InvalidLogic

_REFUSED: dict[type[ast.AST], str] = {
    ast.Pow: "there are no powers",
    ast.Is: "`is` is written as ==, and `is not None` as exists(FIELD)",
    ast.IsNot: "`is not` is written as !=, and `is not None` as exists(FIELD)",
    ast.JoinedStr: "texts in texts are written with +, as in name + text(number)",
    ast.NamedExpr: "nothing is assigned here; a comparison is written with ==",
    ast.Tuple: "a list of values stands behind `in` alone",
    ast.List: "a list of values stands behind `in` alone",
    ast.Set: "a list of values is written as (1, 2)",
}


def parse_expression(text: str, *, pointer: str, tables: Tables) -> Node:
    """Return the tree of an expression.

    :raises InvalidLogic: it is none
    """
    written = Written(text, pointer)
    return _Reader(written, tables).read(syntax.expression(written))


def parse_condition(text: str, *, pointer: str, tables: Tables) -> Node:
    """Return the tree of an expression that may be true.

    :raises InvalidLogic: it is none, or can never be true
    """
    written = Written(text, pointer)
    root = syntax.expression(written)
    return Operands(written, root).need(_Reader(written, tables).read(root), BOOLEAN, "a condition")


def parse_assignment(text: str, *, pointer: str, tables: Tables, start: int = 0) -> tuple[tuple[str, ...], Node]:
    """Return the path of the field and the tree of the expression of `FIELD = EXPRESSION`, `start` characters on.

    :raises InvalidLogic: it is none, or no field can have that value
    """
    written = Written(text, pointer, start=start)
    target, value = syntax.assignment(written)
    path = names.read_field(written, target)
    node = _Reader(written, tables).read(value)
    if node.kind is Kind.NOTHING:
        raise written.refused("None leaves a field as it is; `remove FIELD` removes it", value)
    if node.kind is Kind.TAGS:
        raise written.refused("the tags can't be the value of a field", value)
    return path, node


def parse_field(text: str, *, pointer: str, start: int = 0) -> tuple[str, ...]:
    """Return the path of a field that stands `start` characters on.

    :raises InvalidLogic: it is none
    """
    written = Written(text, pointer, start=start)
    return names.read_field(written, syntax.expression(written))


class _Reader:
    """Reads Python's syntax tree. Its depth is bounded already."""

    def __init__(self, written: Written, tables: Tables) -> None:
        self._written = written
        self._tables = tables

    def read(self, node: ast.expr) -> Node:
        operands = Operands(self._written, node)
        match node:
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return names.read_name(self._written, node)
            case ast.Constant():
                return self._literal(operands, node)
            case ast.Call():
                return self._call(node)
            case ast.IfExp(test=test, body=yes, orelse=no):
                return operands.choice(self.read(test), self.read(yes), self.read(no))
            case ast.Compare():
                return self._comparison(operands, node)
        return self._operator(operands, node)

    def _operator(self, operands: Operands, node: ast.expr) -> Node:
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return operands.both("and", map(self.read, parts))
            case ast.BoolOp(op=ast.Or(), values=parts):
                return operands.both("or", map(self.read, parts))
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return operands.negated(self.read(part))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)) if value is not True:
                # The smallest integer is the negative of one that does not fit.
                return operands.literal(-value)
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return operands.negative(self.read(part))
            case ast.BinOp(op=operator, left=left, right=right) if type(operator) in OPERATORS:
                return operands.arithmetic(OPERATORS[type(operator)], self.read(left), self.read(right))
            case ast.BinOp(op=operator):
                raise self._refused(operator, node)
        raise self._refused(node, node)

    def _literal(self, operands: Operands, node: ast.Constant) -> Node:
        if not isinstance(node.value, str):
            return operands.literal(node.value)
        syntax.check_text(self._written, node)
        return Literal(kind=Kind.TEXT, text=self._written.segment(node), value=node.value)

    def _call(self, node: ast.Call) -> Node:
        caller = Caller(self._written, node, self._tables)
        caller.check()
        return caller.call([self.read(argument) for argument in node.args])

    def _comparison(self, operands: Operands, node: ast.Compare) -> Node:
        pairs = []
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            pairs.append(self._pair(operands, left, operator, right))
            left = right
        return pairs[0] if len(pairs) == 1 else operands.both("and", pairs)

    def _pair(self, operands: Operands, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Node:
        if isinstance(operator, ast.In):
            return self._membership(operands, left, right)
        if isinstance(operator, ast.NotIn):
            return operands.negated(self._membership(operands, left, right))
        if type(operator) not in COMPARISONS:
            raise self._refused(operator, left)
        return operands.comparison(COMPARISONS[type(operator)], self.read(left), self.read(right))

    def _membership(self, operands: Operands, item: ast.expr, among: ast.expr) -> Node:
        if isinstance(among, ast.Tuple | ast.List):
            return operands.membership(self.read(item), [self.read(choice) for choice in among.elts])
        if isinstance(among, ast.Name) and isinstance(found := self.read(among), Fact) and found.kind is Kind.TAGS:
            return operands.tagged(self.read(item))
        raise self._written.refused(
            "`in` takes values in parentheses, or tags; contains(FIELD, VALUE) searches a field", among
        )

    def _refused(self, part: ast.AST, node: ast.expr) -> InvalidLogic:
        name = type(part).__name__
        return self._written.refused(_REFUSED.get(type(part), f"{name} is no part of this language"), node)
