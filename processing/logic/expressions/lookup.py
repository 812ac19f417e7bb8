"""What expressions need of lookup tables, and how a cell is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from processing.logic.expressions.kinds import Kind
from processing.logic.expressions.tree import Scalar, Value
from processing.logic.expressions.values import number


class LookupTable(Protocol):
    """A table whose rows are found by one key."""

    @property
    def key_type(self) -> str:
        """Return the type of the keys: text, number or boolean."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Return the type of each column."""

    def column(self, name: str) -> Mapping[Value, Scalar]:
        """Return the cells of a column by key; a key may be absent, or have None."""


Tables = Mapping[str, LookupTable]
KINDS = {"text": Kind.TEXT, "number": Kind.NUMBER, "boolean": Kind.BOOLEAN}


def is_key(value: object, kind: Kind) -> bool:
    """Return whether a value can be a key of that kind. What is none is unknown, and is not counted as missed."""
    if kind is Kind.TEXT:
        return type(value) is str
    return type(value) is bool if kind is Kind.BOOLEAN else number(value) is not None
