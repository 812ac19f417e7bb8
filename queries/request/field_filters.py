"""Filters on fields of the payload, `field.<path>[<operator>]=<value>`: an allow-list of operators and values of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from ingestion.events.model import MAX_EXPONENT, MAX_NUMBER_LENGTH
from processing.events import fields
from queries.request.query_params import FILTER_PREFIX, FILTERS, MAX_TEXT, InvalidParameter, nearest

Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "exists", "contains"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
RANGES: frozenset[Operator] = frozenset({"gt", "gte", "lt", "lte"})

MAX_FILTERS = 20  # of one query
MAX_VALUES = 100  # of one `in`

# In a name of a parameter, a bracket of a key has a backslash before it.
_NAME = re.compile(re.escape(FILTER_PREFIX) + r"(?P<path>(?:[^\[\]\\]|\\.)+)(?:\[(?P<operator>[^\[\]]*)\])?", re.DOTALL)
_BRACKET = re.compile(r"[\[\]]")
_ESCAPED_BRACKET = re.compile(r"\\([\[\]])")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?(?P<exponent>\d+))?", re.ASCII)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
# A value between commas: a text in quotes, or anything without a comma.
_ITEM = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,"][^,]*|)\s*(?:,|$)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written, so that none is rounded on its way."""

    text: str


Value = Number | str | bool | None


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """One condition on the value at a path of the payload. All filters of a query must match."""

    path: tuple[str, ...]
    operator: Operator
    values: tuple[Value, ...]  # one; of `in` several

    @property
    def value(self) -> Value:
        """Return the value of an operator that takes one."""
        return self.values[0]


def parse(given: Iterable[tuple[str, str]]) -> tuple[FieldFilter, ...]:
    """Parse the filters of a query.

    :raises InvalidParameter: a path, an operator or a value can't be used, or there are too many
    """
    found = [_parse(name, value) for name, value in given]
    if len(found) > MAX_FILTERS:
        raise InvalidParameter("field", f"field: expected at most {MAX_FILTERS} filters")
    return tuple(dict.fromkeys(found))


def split_name(name: str) -> tuple[str, str] | None:
    """Return the path and the operator in the name of a filter, neither of them checked; None: the name is of no filter."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    operator = "eq" if match["operator"] is None else match["operator"]
    return _ESCAPED_BRACKET.sub(r"\1", match["path"]), operator


def name_of(path: str, operator: str) -> str:
    """Return the name of a filter, which `split_name` takes apart."""
    escaped = _BRACKET.sub(r"\\\g<0>", path)
    return f"{FILTER_PREFIX}{escaped}[{operator}]"


def parse_path(name: str, text: str) -> tuple[str, ...]:
    """Return the keys of a dotted path.

    :param name: of the parameter
    :raises InvalidParameter: it is no path
    """
    try:
        return fields.split(text)
    except ValueError as error:
        raise InvalidParameter(
            name,
            f"{name}: expected the path of a field, of at most {fields.MAX_PATH} bytes, with dots between keys "
            "(a dot or a backslash in a key has a backslash before it)",
        ) from error


def _parse(name: str, text: str) -> FieldFilter:
    parts = split_name(name)
    if parts is None or "\0" in name:
        raise InvalidParameter("field", f"field: expected {FILTER_PREFIX}<path> or {FILTERS}")
    # The path is the sender's text, so an error names the operator alone.
    path_text, operator = parts
    path = parse_path("field", path_text)
    if operator not in OPERATORS:
        raise InvalidParameter("field", f"field: in the brackets, expected {nearest(operator, OPERATORS)}")
    if len(text) > MAX_TEXT or "\0" in text:
        raise InvalidParameter("field", f"field: expected a value of at most {MAX_TEXT} characters, without NUL")
    return FieldFilter(path, operator, values(operator, text))


def values(operator: Operator, text: str) -> tuple[Value, ...]:
    """Return the values that an operator takes.

    :raises InvalidParameter: they can't be used
    """
    if operator == "in":
        return _list(text)
    value = _value(text)
    if operator == "exists" and not isinstance(value, bool):
        raise InvalidParameter("field", "field: with [exists], expected true or false")
    if operator in RANGES and (value is None or isinstance(value, bool)):
        raise InvalidParameter("field", f"field: with [{operator}], expected a number or a text")
    if operator == "contains" and value == "":
        raise InvalidParameter("field", "field: with [contains], expected a text that is not empty")
    return (value,)


def _list(text: str) -> tuple[Value, ...]:
    found: list[Value] = []
    at = 0
    while at <= len(text):
        match = _ITEM.match(text, at)
        if match is None:
            raise InvalidParameter("field", "field: with [in], expected values with commas between them")
        found.append(_value(match[1].strip()))
        if not match[0].endswith(",") or match.end() == at:
            break
        at = match.end()
    if len(found) > MAX_VALUES:
        raise InvalidParameter("field", f"field: with [in], expected at most {MAX_VALUES} values")
    return tuple(dict.fromkeys(found))


def _value(text: str) -> Value:
    """Return what a value stands for: JSON's numbers, words and texts in quotes are these, anything else is a text."""
    if text in _WORDS:
        return _WORDS[text]
    if text.startswith('"'):
        return quoted(text)
    return number(text) or text


def is_plain(text: str) -> bool:
    """Return whether a text stands for itself without quotes."""
    return text not in _WORDS and not text.startswith('"') and _NUMBER.fullmatch(text) is None


def number(text: str) -> Number | None:
    """Return the number that a text is in JSON; None: it is none.

    :raises InvalidParameter: no event may have such a number
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if len(text) > MAX_NUMBER_LENGTH or int(match["exponent"] or 0) > MAX_EXPONENT:
        raise InvalidParameter("field", "field: expected a number that an event may have")
    return Number(text)


def quoted(text: str) -> str:
    """Return the text that a text of JSON stands for.

    :raises InvalidParameter: it is none, or no event may have it
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidParameter("field", "field: a value that begins with a quote is a text of JSON") from error
    if not isinstance(found, str) or "\0" in found or any("\ud800" <= each <= "\udfff" for each in found):
        raise InvalidParameter("field", "field: expected a text without a NUL or half a surrogate pair")
    return found
