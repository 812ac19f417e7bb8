"""Writes a filter line as text."""

from __future__ import annotations

import json

from processing.events import fields
from queries.request import field_filters
from queries.request.field_filters import FieldFilter, Number, Operator, Value
from queries.request.filter_line.parsing import (
    BARE_ITEM,
    BARE_PATH,
    BARE_WORD,
    PREFIX,
    SIGN,
    SIGNS,
    UNKNOWN_PREFIX,
)
from queries.request.filter_line.terms import FieldTerm, FilterLine, SourceTerm, TagTerm, Term, WordTerm


def write(line: FilterLine) -> str:
    """Return a line as text, which `parse` reads as the same."""
    return " ".join(("-" if term.negated else "") + _written(term) for term in line.terms)


def _written(term: Term) -> str:
    match term:
        case SourceTerm(pattern):
            return f"source:{pattern}"
        case TagTerm(tag):
            return f"tag:{_text(tag)}"
        case WordTerm(text):
            return _word(text)
        case FieldTerm(FieldFilter(path, "exists")):
            return f"has:{_text(fields.join(path))}"
        case FieldTerm(wanted):
            return path_text(wanted.path) + _sign(wanted.operator) + ",".join(map(value_text, wanted.values))


def _sign(operator: Operator) -> str:
    return next((sign for sign, named in SIGNS.items() if named == operator), "=")


def path_text(path: tuple[str, ...]) -> str:
    """Return a path as it stands before a sign."""
    text = fields.join(path)
    is_bare = BARE_PATH.fullmatch(text) and not text.startswith("-") and not PREFIX.match(text)
    return text if is_bare else _quoted(text)


def value_text(value: Value) -> str:
    """Return a value as it stands after a sign."""
    if isinstance(value, str):
        return value if BARE_ITEM.fullmatch(value) and field_filters.is_plain(value) else _quoted(value)
    return value.text if isinstance(value, Number) else json.dumps(value)


def _text(text: str) -> str:
    return text if BARE_WORD.fullmatch(text) else _quoted(text)


def _word(text: str) -> str:
    # Nothing in it may look like a prefix, a minus or a sign.
    looks = text.startswith("-") or UNKNOWN_PREFIX.match(text) or SIGN.search(text) or "\\" in text
    return _quoted(text) if looks else _text(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
