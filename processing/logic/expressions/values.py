"""Which values of events count, and how two of them compare. Nothing here raises, whatever it is given."""

from __future__ import annotations

from ingestion.events.model import INT64_MAX, INT64_MIN
from processing.logic.expressions.tree import Scalar

# Characters of a text that an expression makes or works on. What is done with one takes 0.1 ms at most.
MAX_TEXT = 16_384


def number(value: object) -> int | float | None:
    """Return a value that is a number; a boolean, an integer of more than 64 bits, an infinity and NaN are none."""
    kind = type(value)
    if kind is float:
        return value if value - value == 0.0 else None  # type: ignore[operator, return-value]
    if kind is int and INT64_MIN <= value <= INT64_MAX:  # type: ignore[operator]
        return value  # type: ignore[return-value]
    return None


def text(value: object) -> str | None:
    """Return a value that is a text of a size to work on."""
    return value if type(value) is str and len(value) <= MAX_TEXT else None


def plain(value: object) -> Scalar:
    """Return a value that can be the result of an expression: no object, no list, nothing that is too large."""
    if type(value) is bool:
        return value
    return text(value) if type(value) is str else number(value)


def _alike(left: object, right: object) -> bool:
    """Return whether two values can be compared: numbers, or texts that are not both too long for it."""
    if type(left) is str:
        return type(right) is str and (len(left) <= MAX_TEXT or len(right) <= MAX_TEXT)
    return number(left) is not None and number(right) is not None


def equal(left: object, right: object) -> bool | None:
    """Return whether two values of one type are equal; None: they are of unlike types, or one is missing."""
    if type(left) is bool:
        return left is right if type(right) is bool else None
    return left == right if _alike(left, right) else None


def unequal(left: object, right: object) -> bool | None:
    """Return the opposite of `equal`."""
    same = equal(left, right)
    return None if same is None else not same


def less(left: object, right: object) -> bool | None:
    """Return whether the first is below the second; None: unlike types, or one is missing."""
    return left < right if _alike(left, right) else None  # type: ignore[operator]


def at_most(left: object, right: object) -> bool | None:
    """Return whether the first is not above the second."""
    return left <= right if _alike(left, right) else None  # type: ignore[operator]


def more(left: object, right: object) -> bool | None:
    """Return whether the first is above the second."""
    return less(right, left)


def at_least(left: object, right: object) -> bool | None:
    """Return whether the first is not below the second."""
    return at_most(right, left)


COMPARE = {"==": equal, "!=": unequal, "<": less, "<=": at_most, ">": more, ">=": at_least}
