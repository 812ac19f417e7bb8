"""Units of measurement, by pint: a conversion is a factor and an offset, found once when a rule is read."""

from __future__ import annotations

import importlib
import re
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from processing.logic.faults import nearest

if TYPE_CHECKING:
    import pint

MAX_UNIT = 64  # characters
# Names, products, quotients and powers of one digit: pint evaluates what it is given, and 9**9**9 would never end.
_NAME = r"[^\W\d]\w*|[%‰°Ω][^\W\d]*"
_FACTOR = rf"(?:{_NAME})(?:\s*(?:\*\*|\^)\s*-?[0-9](?![0-9]))?"
_UNIT = re.compile(rf"\s*(?:1\s*/\s*)?{_FACTOR}(?:\s*[*/·]\s*{_FACTOR})*\s*")
_FORM = "names of units with * / and powers of one digit, such as m/s**2"

# By pint, for names and products that it can't work with; its own errors are among these.
_RAISED = (ArithmeticError, AssertionError, AttributeError, LookupError, SyntaxError, TypeError, ValueError)


class InvalidUnit(Exception):
    """There is no such unit, or no conversion between two; the text says why."""


class Conversion(NamedTuple):
    """What a number is multiplied by, and what is then added."""

    factor: float
    offset: float


@cache
def _registry() -> pint.UnitRegistry[Fraction]:
    # pint and its units take half a second and 20 MB, which only those who convert should pay.
    registry: pint.UnitRegistry[Fraction] = importlib.import_module("pint").UnitRegistry(non_int_type=Fraction)
    return registry


def check(unit: str) -> None:
    """Check that there is a unit of this name.

    :raises InvalidUnit: there is none
    """
    _parsed(unit)


@cache
def conversion(unit: str, to: str) -> Conversion:
    """Return how a number in one unit becomes one in another.

    :raises InvalidUnit: an unknown unit, units of different dimensions, or a scale that is not linear
    """
    first, second = _parsed(unit), _parsed(to)
    try:
        if first.dimensionality != second.dimensionality:
            raise InvalidUnit(f"{unit} is {_dimension(first)}, {to} is {_dimension(second)}")
        at = [_registry().Quantity(Fraction(value), first).to(second).magnitude for value in (0, 1, 2)]
        factor, offset = at[1] - at[0], at[0]
        if at[2] != 2 * factor + offset:
            raise InvalidUnit(f"{unit} to {to} takes more than a factor and an offset")
        return Conversion(float(factor), float(offset))
    except _RAISED as error:
        raise InvalidUnit(f"{unit} can't be converted to {to} by a factor and an offset") from error


def _parsed(unit: str) -> pint.Unit:
    if len(unit) > MAX_UNIT or not _UNIT.fullmatch(unit):
        raise InvalidUnit(f"expected {_FORM}")
    for name in re.findall(_NAME, unit):
        _check_name(name)
    try:
        return _registry().parse_units(unit.replace("·", "*"))
    except _RAISED as error:
        raise InvalidUnit(f"expected {_FORM}") from error


def _check_name(name: str) -> None:
    try:
        if name in _registry():
            return
    except _RAISED:
        pass
    raise InvalidUnit(f"no unit {name}{_hint(name)}")


def _hint(name: str) -> str:
    for known in _registry():
        if known.casefold() == name.casefold():
            return f"; did you mean {known}?"
    return nearest(name, _registry())


def _dimension(unit: pint.Unit) -> str:
    parts = [f"{name}^{power}" if power != 1 else name for name, power in sorted(unit.dimensionality.items())]
    return " ".join(parts) or "without dimension"
