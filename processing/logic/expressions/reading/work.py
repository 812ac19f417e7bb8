"""How long an expression may take of an event whose texts are as long as can be: each function of texts adds to it."""

from __future__ import annotations

from processing.logic.expressions.kinds import Kind, Kinds

# Microseconds, as measured with the text of `MAX_TEXT` characters that takes the longest. The sum is below a millisecond
# also where all parts are worked out.
MAX_WORK = 800
_OF_FUNCTIONS = {
    "matches": 150,
    "contains": 100,
    "lower": 60,
    "upper": 60,
    "trim": 25,
    "starts_with": 5,
    "ends_with": 5,
}
_OF_SUM = 5
_OF_ORDER = 10
_ORDERS = {"<", "<=", ">", ">="}
_MAY_BE_TEXTS = {Kind.TEXT, Kind.ANY}


def of_call(function: str) -> int:
    """Return the work of a function."""
    return _OF_FUNCTIONS.get(function, 0)


def of_operator(operator: str, kinds: Kinds) -> int:
    """Return the work of a sum or comparison of operands of these kinds."""
    if not kinds <= _MAY_BE_TEXTS:
        return 0
    if operator in _ORDERS:
        return _OF_ORDER
    return _OF_SUM if operator == "+" else 0
