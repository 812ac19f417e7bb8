"""What the text of a cell means in a column of each type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Literal, get_args

ColumnType = Literal["text", "number", "boolean"]
Value = str | int | float | bool

COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)
NARROW: tuple[ColumnType, ...] = ("boolean", "number")
BOOLEANS = {"true": True, "false": False}
# As in JSON, so "007" and "1e999" are texts: zeros in front belong to codes, and no number is infinite.
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# What an event can hold as an integer.
SMALLEST, LARGEST = -(2**63), 2**63 - 1


class NotOfType(ValueError):
    """A cell whose text is no value of its column's type. The catcher knows the place."""


def number(text: str) -> int | float:
    found = NUMBER.fullmatch(text.strip())
    if found is None:
        raise NotOfType
    if found.group(2) is None and found.group(3) is None and SMALLEST <= int(found.group()) <= LARGEST:
        return int(found.group())
    value = float(found.group())
    if not math.isfinite(value):
        raise NotOfType
    return value


def boolean(text: str) -> bool:
    value = BOOLEANS.get(text.strip().lower())
    if value is None:
        raise NotOfType
    return value


READERS: dict[ColumnType, Callable[[str], Value]] = {"text": str, "number": number, "boolean": boolean}


def infer(cells: Iterable[str]) -> ColumnType:
    """Return the narrowest type that fits every cell that isn't empty; without any, text."""
    filled = [cell for cell in cells if cell]
    return next((kind for kind in NARROW if filled and all(map(_fits(READERS[kind]), filled))), "text")


def _fits(reader: Callable[[str], Value]) -> Callable[[str], bool]:
    def fits(cell: str) -> bool:
        try:
            reader(cell)
        except NotOfType:
            return False
        return True

    return fits
