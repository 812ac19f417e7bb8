"""Judges one event by a filter line, with the same meaning as the SQL of queries.events.line_conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from operator import ge, gt, le, lt

from ingestion.auth import source_patterns
from queries.request.field_filters import FieldFilter, Number, Operator, Value
from queries.request.filter_line.terms import FieldTerm, FilterLine, SourceTerm, TagTerm, Term, WordTerm

_SIGNS: dict[Operator, Callable[[Decimal | str, Decimal | str], bool]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}
_INDEX = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_NOTHING = object()


def passes_source(line: FilterLine, source_id: str) -> bool:
    """Return whether events of a source can pass."""
    wanted = line.patterns
    if wanted is not None and not any(source_patterns.matches(each, source_id) for each in wanted):
        return False
    return not any(
        source_patterns.matches(term.pattern, source_id)
        for term in line.terms
        if isinstance(term, SourceTerm) and term.negated
    )


def passes(line: FilterLine, *, source_id: str, payload: Mapping[str, object], tags: Sequence[str]) -> bool:
    """Return whether an event passes."""
    if not passes_source(line, source_id):
        return False
    return all(_holds(term, source_id, payload, tags) != term.negated for term in line.terms if not _is_source(term))


def _is_source(term: Term) -> bool:
    return isinstance(term, SourceTerm)


def _holds(term: Term, source_id: str, payload: Mapping[str, object], tags: Sequence[str]) -> bool:
    match term:
        case TagTerm(tag):
            return tag in tags
        case WordTerm():
            return _has_word(term, source_id, payload, tags)
        case FieldTerm(wanted):
            found = _at(payload, wanted.path)
            return found is not _NOTHING and _is_as_said(wanted, found)
    return True


def _at(value: object, path: Sequence[str]) -> object:
    """Return what is at a path, as PostgreSQL's `#>` does: a number is the index of an array's element."""
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and _INDEX.fullmatch(step) and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return _NOTHING
    return value


def _is_as_said(wanted: FieldFilter, found: object) -> bool:
    operator, value = wanted.operator, _plain(found)
    if operator == "exists":
        return True
    given = [_given(each) for each in wanted.values]
    if operator in {"eq", "in"}:
        return any(_same(value, each) for each in given)
    if operator == "ne":
        return not _same(value, given[0])
    if operator == "contains":
        return _contains(found, given[0])
    return isinstance(value, Decimal | str) and type(value) is type(given[0]) and _SIGNS[operator](value, given[0])


def _contains(found: object, part: Decimal | str | bool | None) -> bool:
    if isinstance(found, list):
        return any(_same(_plain(item), part) for item in found)
    return isinstance(found, str) and isinstance(part, str) and part in found


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _given(value: Value) -> Decimal | str | bool | None:
    return Decimal(value.text) if isinstance(value, Number) else value


def _plain(value: object) -> object:
    """Return a number as it is in PostgreSQL, which has no doubles in a payload."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(repr(value))
    return value


def _has_word(word: WordTerm, source_id: str, payload: Mapping[str, object], tags: Sequence[str]) -> bool:
    pattern = re.compile(re.escape(word.text), re.IGNORECASE)
    given = None if word.number is None else Decimal(word.number.text)
    for value in (source_id, *tags, *_leaves(payload)):
        if isinstance(value, str):
            if pattern.search(value):
                return True
        elif given is not None and _same(_plain(value), given):
            return True
    return False


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for member in value.values():
            yield from _leaves(member)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
