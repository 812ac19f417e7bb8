"""The functions of the language that map values to a value. Each takes anything, raises nothing, and returns None for unknown."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple

from ingestion.events import timestamps
from processing.logic.expressions.arithmetic import stored
from processing.logic.expressions.kinds import NUMBER, TEXT, TIME, VALUES, Kind, Kinds
from processing.logic.expressions.tree import Scalar, Total
from processing.logic.expressions.values import number, text

MAX_DIGITS = 15  # of `round`; a float has no more
MAX_ITEMS = 1_000  # of a list that is searched; one of 256 KiB may have a hundred thousand
# Characters of a text with others than ASCII whose case or margins are changed. Python looks each of them up.
MAX_LOOKED_UP = 4_096
# Python looks for a short part in linear time in a text of so many characters, and for a longer one where so many follow
# each place that is tried: https://github.com/python/cpython/blob/3.11/Objects/stringlib/fastsearch.h
# Everywhere else it may compare each character with each, which takes up to 14 ms.
_LINEAR_FROM, _LINEAR_BEFORE = 30_000, 2_500
_SHORT = 100  # characters of a part
_FEW = 10  # characters of a part that is compared everywhere sooner
_QUICK = 100_000  # comparisons that take as long as the spaces do
_NUMERAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_MAX_NUMERAL = 64  # characters
_EXACT = 2**53  # up to here each whole number is a float of its own
_HOUR, _DAY = 3_600_000_000, 86_400_000_000  # microseconds


def _numbers(of: Callable[..., int | float]) -> Total:
    """Return a function that is unknown unless all its arguments are numbers and its result can be stored."""

    def total(*values: object) -> Scalar:
        known = [number(value) for value in values]
        if None in known:
            return None
        try:
            return stored(of(*known))
        except (ValueError, OverflowError):
            return None

    return total


def _texts(of: Callable[..., Scalar]) -> Total:
    """Return a function that is unknown unless all its arguments are texts."""

    def total(*values: object) -> Scalar:
        known = [text(value) for value in values]
        if None in known:
            return None
        result = of(*known)
        return text(result) if type(result) is str else result

    return total


def _looked_up(of: Callable[[str], str]) -> Total:
    """Return a function of a text that is unknown if the text is too long for it."""

    def total(value: object) -> Scalar:
        known = text(value)
        if known is None or not (len(known) <= MAX_LOOKED_UP or known.isascii()):
            return None
        return text(of(known))

    return total


def _length(value: object) -> Scalar:
    return len(value) if isinstance(value, str | list | dict | tuple) else None


def _is_in(part: str, value: str) -> bool:
    if len(part) <= _FEW or len(part) * len(value) <= _QUICK:
        return part in value
    found = value.ljust(_LINEAR_FROM if len(part) < _SHORT else len(value) + _LINEAR_BEFORE).find(part)
    return 0 <= found <= len(value) - len(part)


def _contains(value: object, part: object) -> Scalar:
    if type(value) is str:
        return _is_in(part, value) if text(value) is not None and type(part) is str else None
    if not isinstance(value, list | tuple) or len(value) > MAX_ITEMS:
        return None
    if type(part) is str:
        return part in value
    if type(part) is bool:
        return any(item is part for item in value)
    # A boolean is equal to a number for Python.
    return None if number(part) is None else any(item == part for item in value if type(item) is not bool)


def _to_number(value: object) -> Scalar:
    if type(value) is bool:
        return int(value)
    if type(value) is not str:
        return number(value)
    trimmed = value.strip() if len(value) <= _MAX_NUMERAL else ""
    found = _NUMERAL.fullmatch(trimmed)
    if found is None:
        return None
    return stored(float(trimmed) if found[1] or found[2] else int(trimmed))


def _to_text(value: object) -> Scalar:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is str:
        return text(value)
    known = number(value)
    if known is None:
        return None
    # 23 and 23.0 are one value to everything else here, too.
    return str(int(known)) if abs(known) <= _EXACT and known == int(known) else repr(known)


def time_to_text(time: int | None) -> str | None:
    """Return a time as RFC 3339 in UTC."""
    return None if time is None else timestamps.to_text(timestamps.from_micros(time))


def _seconds(time: int) -> Scalar:
    return time / 1_000_000


def seconds_between(time: int, earlier: int) -> Scalar:
    """Return a difference of times in seconds."""
    return (time - earlier) / 1_000_000


def _hour(time: int) -> Scalar:
    return time // _HOUR % 24


def _weekday(time: int) -> Scalar:
    # The first day of the epoch was a Thursday.
    return (time // _DAY + 3) % 7 + 1


class Signature(NamedTuple):
    """How a function is called, and what it gives."""

    parameters: tuple[Kinds, ...]
    result: Kind
    total: Total
    most: int = 0  # arguments; more than parameters: the last one again

    @property
    def longest(self) -> int:
        """Return how many arguments it takes at most."""
        return max(self.most, len(self.parameters))


_COUNTED = VALUES | {Kind.TAGS}
MANY = 20  # arguments of a function that takes any number of them

FUNCTIONS = {
    "abs": Signature((NUMBER,), Kind.NUMBER, _numbers(abs)),
    "min": Signature((NUMBER, NUMBER), Kind.NUMBER, _numbers(min), MANY),
    "max": Signature((NUMBER, NUMBER), Kind.NUMBER, _numbers(max), MANY),
    "floor": Signature((NUMBER,), Kind.NUMBER, _numbers(math.floor)),
    "ceil": Signature((NUMBER,), Kind.NUMBER, _numbers(math.ceil)),
    "sqrt": Signature((NUMBER,), Kind.NUMBER, _numbers(math.sqrt)),
    "log": Signature((NUMBER,), Kind.NUMBER, _numbers(math.log)),
    "exp": Signature((NUMBER,), Kind.NUMBER, _numbers(math.exp)),
    "round": Signature((NUMBER,), Kind.NUMBER, _numbers(round)),
    "len": Signature((TEXT | {Kind.TAGS},), Kind.NUMBER, _length),
    "lower": Signature((TEXT,), Kind.TEXT, _looked_up(str.lower)),
    "upper": Signature((TEXT,), Kind.TEXT, _looked_up(str.upper)),
    "trim": Signature((TEXT,), Kind.TEXT, _looked_up(str.strip)),
    "contains": Signature((TEXT | {Kind.TAGS}, VALUES), Kind.BOOLEAN, _contains),
    "starts_with": Signature((TEXT, TEXT), Kind.BOOLEAN, _texts(str.startswith)),
    "ends_with": Signature((TEXT, TEXT), Kind.BOOLEAN, _texts(str.endswith)),
    "number": Signature((VALUES,), Kind.NUMBER, _to_number),
    "text": Signature((VALUES,), Kind.TEXT, _to_text),
    "hour": Signature((TIME,), Kind.NUMBER, _hour),
    "weekday": Signature((TIME,), Kind.NUMBER, _weekday),
}
# `number` and `text` of a time.
OF_TIMES: dict[str, tuple[Kind, Total]] = {"number": (Kind.NUMBER, _seconds), "text": (Kind.TEXT, time_to_text)}


def rounded_to(digits: int) -> Total:
    """Return the function that rounds to some digits behind the point."""
    return _numbers(lambda value: round(float(value), digits))
