"""Calls of functions: names, arguments, and what is resolved once when a rule is read."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from processing.logic.expressions import patterns, units
from processing.logic.expressions.functions import FUNCTIONS, MANY, MAX_DIGITS, OF_TIMES, Signature, rounded_to
from processing.logic.expressions.kinds import NUMBER, TEXT, Kind, fits, joined, listed
from processing.logic.expressions.lookup import KINDS, Tables
from processing.logic.expressions.reading import work
from processing.logic.expressions.reading.operators import Operands
from processing.logic.expressions.reading.syntax import Written
from processing.logic.expressions.tree import (
    Call,
    Coalesce,
    Converted,
    Exists,
    Field,
    Found,
    Label,
    Literal,
    Node,
)
from processing.logic.faults import InvalidLogic, nearest


class Caller:
    """Builds the node of a call whose arguments are read already.

    :raises InvalidLogic: each of its methods, where the call could never have a result
    """

    def __init__(self, written: Written, node: ast.Call, tables: Tables) -> None:
        self._written = written
        self._node = node
        self._tables = tables
        self._text = written.segment(node)
        self._name = node.func.id if isinstance(node.func, ast.Name) else ""

    def check(self) -> None:
        """Check that there is such a function, before its arguments are read."""
        if not self._name:
            raise self._refused("only functions are called, as in lower(name)", self._node.func)
        if self._name not in FUNCTIONS and self._name not in SPECIAL:
            known = [*FUNCTIONS, *SPECIAL]
            hint = nearest(self._name, known) or f"; expected one of {', '.join(sorted(known))}"
            raise self._refused(f"no function {self._name}{hint}")
        if self._node.keywords:
            raise self._refused(f"{self._name} takes no named arguments")

    def call(self, arguments: list[Node]) -> Node:
        self._written.spend(work.of_call(self._name), self._node)
        special = SPECIAL.get(self._name)
        if special is not None:
            fewest, most, build = special
            self._count(arguments, fewest, most)
            return build(self, arguments)
        signature = FUNCTIONS[self._name]
        self._count(arguments, len(signature.parameters), signature.longest)
        return self._plain(signature, arguments)

    def _plain(self, signature: Signature, arguments: list[Node]) -> Node:
        if self._name in OF_TIMES and arguments[0].kind is Kind.TIME:
            kind, total = OF_TIMES[self._name]
            return Call(kind=kind, text=self._text, function=self._name, arguments=tuple(arguments), total=total)
        wanted = signature.parameters
        for index, argument in enumerate(arguments):
            kinds = wanted[min(index, len(wanted) - 1)]
            if not fits(argument.kind, kinds):
                raise self._refused(f"{self._name} takes {listed(kinds)}, got {argument.kind}", self._node.args[index])
        return Call(
            kind=signature.result,
            text=self._text,
            function=self._name,
            arguments=tuple(arguments),
            total=signature.total,
        )

    def _count(self, arguments: list[Node], fewest: int, most: int) -> None:
        if fewest <= len(arguments) <= most:
            return
        count = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise self._refused(f"{self._name} takes {count} argument{'s' * (most > 1)}, got {len(arguments)}")

    def round(self, arguments: list[Node]) -> Node:
        if len(arguments) == 1:
            return self._plain(FUNCTIONS["round"], arguments)
        digits = arguments[1].value if isinstance(arguments[1], Literal) else None
        if type(digits) is not int or not 0 <= digits <= MAX_DIGITS:
            raise self._refused(f"expected a number of digits from 0 to {MAX_DIGITS}", self._node.args[1])
        return self._plain(Signature((NUMBER,), Kind.NUMBER, rounded_to(digits)), arguments[:1])

    def exists(self, arguments: list[Node]) -> Node:
        subject = arguments[0]
        if not isinstance(subject, Field | Label):
            raise self._refused("exists takes a field or a label", self._node.args[0])
        return Exists(kind=Kind.BOOLEAN, text=self._text, subject=subject)

    def coalesce(self, arguments: list[Node]) -> Node:
        kinds = frozenset(argument.kind for argument in arguments)
        kind = joined(kinds)
        if kind is None or kinds & {Kind.TAGS, Kind.TIME, Kind.NOTHING}:
            raise self._refused(f"coalesce takes a number, a text or a boolean, got {listed(kinds)}")
        return Coalesce(kind=kind, text=self._text, parts=tuple(arguments))

    def between(self, arguments: list[Node]) -> Node:
        value, low, high = arguments
        return Operands(self._written, self._node).between(value, low, high)

    def matches(self, arguments: list[Node]) -> Node:
        pattern = self._word(arguments, 1, "a pattern")
        if not fits(arguments[0].kind, TEXT):
            raise self._refused(f"matches takes a text, got {arguments[0].kind}", self._node.args[0])
        try:
            total = patterns.searcher(pattern)
        except patterns.InvalidPattern as error:
            raise self._refused(str(error), self._node.args[1]) from error
        return Call(kind=Kind.BOOLEAN, text=self._text, function="matches", arguments=tuple(arguments[:1]), total=total)

    def convert(self, arguments: list[Node]) -> Node:
        if not fits(arguments[0].kind, NUMBER):
            raise self._refused(f"convert takes a number, got {arguments[0].kind}", self._node.args[0])
        unit, to = self._word(arguments, 1, "a unit"), self._word(arguments, 2, "a unit")
        for index, each in enumerate((unit, to), start=1):
            try:
                units.check(each)
            except units.InvalidUnit as error:
                raise self._refused(str(error), self._node.args[index]) from error
        try:
            factor, offset = units.conversion(unit, to)
        except units.InvalidUnit as error:
            raise self._refused(str(error)) from error
        return Converted(kind=Kind.NUMBER, text=self._text, part=arguments[0], factor=factor, offset=offset)

    def lookup(self, arguments: list[Node]) -> Node:
        name, column = self._word(arguments, 0, "a table"), self._word(arguments, 2, "a column")
        table = self._tables.get(name)
        if table is None:
            hint = nearest(name, self._tables) or _all_of("table", self._tables)
            raise self._refused(f"no table {name}{hint}", self._node.args[0])
        if column not in table.columns:
            hint = nearest(column, table.columns) or _all_of("column", table.columns)
            raise self._refused(f"no column {column} in {name}{hint}", self._node.args[2])
        key, key_kind = arguments[1], KINDS[table.key_type]
        if not fits(key.kind, frozenset({key_kind})):
            raise self._refused(f"the key of {name} is {key_kind}, got {key.kind}", self._node.args[1])
        kind = KINDS[table.columns[column]]
        return Found(kind=kind, text=self._text, table=name, column=column, key=key, key_kind=key_kind)

    def _word(self, arguments: list[Node], index: int, what: str) -> str:
        given = arguments[index]
        if not isinstance(given, Literal) or not isinstance(given.value, str):
            raise self._refused(f"{self._name} takes {what} in quotes here", self._node.args[index])
        return given.value

    def _refused(self, detail: str, node: ast.expr | None = None) -> InvalidLogic:
        return self._written.refused(detail, node or self._node)


def _all_of(what: str, names: Mapping[str, object]) -> str:
    few = sorted(names)[:MANY]
    return f"; expected one of {', '.join(few)}" if few else f"; there is no {what} yet"


SPECIAL: dict[str, tuple[int, int, Callable[[Caller, list[Node]], Node]]] = {
    "round": (1, 2, Caller.round),
    "exists": (1, 1, Caller.exists),
    "coalesce": (2, MANY, Caller.coalesce),
    "between": (3, 3, Caller.between),
    "matches": (2, 2, Caller.matches),
    "convert": (3, 3, Caller.convert),
    "lookup": (3, 3, Caller.lookup),
}
