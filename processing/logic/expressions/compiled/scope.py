"""What generated code can name: its globals, the event's variables, and fields of the payload, loaded once where that pays."""

from __future__ import annotations

import ast
from collections.abc import Collection
from itertools import count

from ingestion.events.model import INT64_MAX, INT64_MIN
from processing.logic.expressions.arithmetic import stored
from processing.logic.expressions.compiled.templates import constant, fill, fill_statements, name
from processing.logic.expressions.interpreter import ABSENT, at_path
from processing.logic.expressions.lookup import Tables
from processing.logic.expressions.values import number, plain

Path = tuple[str, ...]
NAN = float("nan")  # an unknown number: whatever it is compared with, the answer is no

# A number of an event, or NaN. `T` and `V` are variables.
_VIEW = f"V if (T := type(V := X)) is float or T is int and {INT64_MIN} <= V <= {INT64_MAX} else nan"


def _fitting(result: int | float) -> int | float:
    known = stored(result)
    return NAN if known is None else known


def _present(values: object, path: Path) -> bool:
    return at_path(values, path) is not ABSENT


class Scope:
    """The names of one generated function, whose variables are payload, source, timestamp, received and tags."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.labels: dict[str, str] = {}  # label -> the global that has its value; None: the source has none
        self.globals: dict[str, object] = {
            "__builtins__": {},
            "type": type,
            "str": str,
            "int": int,
            "float": float,
            "bool": bool,
            "dict": dict,
            "nan": NAN,
            "fitting": _fitting,
            "present": _present,
            "number": number,
            "plain": plain,
        }
        self._numbers = count()
        self._loaded: dict[Path, str] = {}
        self._viewed: dict[Path, str] = {}

    def fresh(self) -> ast.Name:
        """Return a variable that nothing else uses."""
        return name(f"v{next(self._numbers)}")

    def bind(self, value: object) -> ast.Name:
        """Return the name of a global that is a value."""
        word = f"g{next(self._numbers)}"
        self.globals[word] = value
        return name(word)

    def label(self, label: str) -> ast.Name:
        """Return the name of the global that has the value of a label."""
        if label not in self.labels:
            self.labels[label] = self.bind(None).id
        return name(self.labels[label])

    def load(self, raw: Collection[Path], numeric: Collection[Path]) -> list[ast.stmt]:
        """Load fields once, as they are and as numbers, for all expressions that are compiled from now on."""
        code: list[ast.stmt] = []
        for path in raw:
            variable = self.fresh()
            code += fill_statements("V = X", V=variable, X=self.field(path))
            self._loaded[path] = variable.id
        for path in numeric:
            view = self.fresh()
            code += fill_statements("V = X", V=view, X=self.view(self.field(path)))
            self._viewed[path] = view.id
        return code

    def reload(self, changed: Path) -> list[ast.stmt]:
        """Load those fields anew that a change at a path may have changed."""
        code: list[ast.stmt] = []
        for path, variable in self._loaded.items():
            if _overlap(path, changed):
                code += fill_statements("V = X", V=name(variable), X=self._from_payload(path))
        for path, variable in self._viewed.items():
            if _overlap(path, changed):
                code += fill_statements("V = X", V=name(variable), X=self.view(self.field(path)))
        return code

    def without_loaded(self) -> Scope:
        """Return a scope with the same globals that reads the payload for each field."""
        other = Scope(self.tables)
        other.globals, other.labels = self.globals, self.labels
        other._numbers = self._numbers
        return other

    def field(self, path: Path) -> ast.expr:
        """Return the value of a field, None if it is missing."""
        variable = self._loaded.get(path)
        return name(variable) if variable else self._from_payload(path)

    def numeric_field(self, path: Path) -> ast.expr:
        """Return the number in a field, or NaN."""
        variable = self._viewed.get(path)
        return name(variable) if variable else self.view(self.field(path))

    def has_field(self, path: Path) -> ast.expr:
        """Return whether a field is there."""
        if len(path) == 1:
            return fill("K in payload", K=constant(path[0]))
        return fill("present(payload, K)", K=constant(path))

    def view(self, value: ast.expr) -> ast.expr:
        """Return a value as a number, or NaN."""
        return fill(_VIEW, X=value, V=self.fresh(), T=self.fresh())

    def _from_payload(self, path: Path) -> ast.expr:
        found = fill("payload.get(K)", K=constant(path[0]))
        for key in path[1:]:
            inner = self.fresh()
            found = fill("V.get(K) if type(V := X) is dict else None", X=found, V=inner, K=constant(key))
        return found


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
