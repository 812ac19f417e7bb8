"""Sums and products of values of events. Nothing here raises: what has no result, or none that can be stored, is unknown."""

from __future__ import annotations

from ingestion.events.model import INT64_MAX, INT64_MIN
from processing.logic.expressions.tree import Scalar
from processing.logic.expressions.values import number, text

Number = int | float


def stored(result: Number) -> Number | None:
    """Return a result that can be stored: an integer of 64 bits or a finite decimal."""
    if type(result) is float:
        return result if result - result == 0.0 else None
    return result if INT64_MIN <= result <= INT64_MAX else None


def added(left: object, right: object) -> Scalar:
    """Return the sum of two numbers, or one text behind the other."""
    if type(left) is str:
        joined = left + right if text(left) is not None and text(right) is not None else None  # type: ignore[operator]
        return text(joined)
    a, b = number(left), number(right)
    return None if a is None or b is None else stored(a + b)


def subtracted(left: object, right: object) -> Number | None:
    """Return the difference of two numbers."""
    a, b = number(left), number(right)
    return None if a is None or b is None else stored(a - b)


def multiplied(left: object, right: object) -> Number | None:
    """Return the product of two numbers."""
    a, b = number(left), number(right)
    return None if a is None or b is None else stored(a * b)


def divided(left: object, right: object) -> Number | None:
    """Return the quotient of two numbers, a decimal."""
    a, b = number(left), number(right)
    return None if a is None or not b else stored(a / b)


def whole_quotient(left: object, right: object) -> Number | None:
    """Return the quotient of two numbers, rounded down."""
    a, b = number(left), number(right)
    return None if a is None or not b else stored(a // b)


def remainder(left: object, right: object) -> Number | None:
    """Return what the whole quotient leaves; it has the sign of the divisor."""
    a, b = number(left), number(right)
    return None if a is None or not b else stored(a % b)


def negative(value: object) -> Number | None:
    """Return a number with the other sign."""
    a = number(value)
    return None if a is None else stored(-a)


def linear(value: object, factor: float, offset: float) -> Number | None:
    """Return a number in another unit."""
    a = number(value)
    return None if a is None else stored(a * factor + offset)


ARITHMETIC = {
    "+": added,
    "-": subtracted,
    "*": multiplied,
    "/": divided,
    "//": whole_quotient,
    "%": remainder,
}
