"""The SQL of a selection of events. Values are parameters; paths are literals, since indexes on expressions need them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from ingestion.auth.source_patterns import ANY
from processing.stores.fields import values as field_values
from queries.reads.condition import TRUE, Condition, all_of
from queries.request.field_filters import FieldFilter, Number, Operator, Value
from queries.request.filter_line.terms import FieldTerm, FilterLine, SourceTerm, TagTerm, Term, WordTerm
from queries.request.selection import Selection

_SIGNS: dict[Operator, str] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def of(selection: Selection) -> Condition:
    """Return the condition of everything that a selection names but the sources, which are the scope's."""
    return all_of(span(selection), inner(selection))


def inner(selection: Selection) -> Condition:
    """Return the condition of what is looked for in events: time of receipt, fields, tags and the filter line."""
    return all_of(received(selection), *map(of_filter, selection.filters), of_tags(selection), of_line(selection.line))


def of_line(line: FilterLine) -> Condition:
    """Return the condition of a filter line's terms but the sources that it names, which are the scope's."""
    return all_of(*map(_of_term, line.inner))


def _of_term(term: Term) -> Condition:
    found = _plain(term)
    # A field that is not there makes a comparison NULL.
    return Condition(f"NOT coalesce({found.text}, false)", found.values) if term.negated else found


def _plain(term: Term) -> Condition:
    match term:
        case SourceTerm(pattern) if pattern.endswith(ANY):
            return Condition("starts_with(source_id, %s)", [pattern.removesuffix(ANY)])
        case SourceTerm(pattern):
            return Condition("source_id = %s", [pattern])
        case TagTerm(tag):
            return Condition("(tags @> %s::text[])", [[tag]])
        case FieldTerm(wanted):
            found = of_filter(wanted)
            return Condition(f"({found.text})", found.values)
        case WordTerm():
            return _of_word(term)


def _of_word(word: WordTerm) -> Condition:
    return Condition(
        "(position(lower(%s) IN lower(source_id)) > 0"
        " OR EXISTS (SELECT FROM unnest(tags) AS own (tag) WHERE position(lower(%s) IN lower(own.tag)) > 0)"
        " OR payload @? %s::jsonpath)",
        [word.text, word.text, _json_path(word)],
    )


def _json_path(word: WordTerm) -> str:
    """Return the path of whatever in a payload has the text, or is the number."""
    text = f'@ like_regex {json.dumps(word.text, ensure_ascii=False)} flag "iq"'
    number = "" if word.number is None else f" || @ == {word.number.text}"
    return f"$.** ? ({text}{number})"


def span(selection: Selection) -> Condition:
    """Return the condition of its range of time."""
    return _between(("ts >= %s", selection.start), ("ts < %s", selection.end))


def received(selection: Selection) -> Condition:
    """Return the condition of its range of the time of receipt."""
    return _between(("received >= %s", selection.received_start), ("received < %s", selection.received_end))


def _between(*given: tuple[str, datetime | None]) -> Condition:
    return all_of(*(Condition(text, [moment]) for text, moment in given if moment is not None))


def of_filter(wanted: FieldFilter) -> Condition:
    """Return the condition of one filter. It is never NULL where it matters: NULL and false leave the event out."""
    return _CONDITIONS[wanted.operator](wanted)


def of_tags(selection: Selection) -> Condition:
    # An event without tags has NULL.
    return all_of(
        Condition("tags @> %s::text[]", [[*selection.tags]]) if selection.tags else TRUE,
        Condition("NOT coalesce(tags && %s::text[], false)", [[*selection.other_tags]])
        if selection.other_tags
        else TRUE,
    )


def _equal(wanted: FieldFilter) -> Condition:
    return Condition(f"{_exact(wanted)} = %s::jsonb", [_as_json(wanted.value)])


def _differs(wanted: FieldFilter) -> Condition:
    return Condition(f"{field_values.raw(wanted.path)} <> %s::jsonb", [_as_json(wanted.value)])


def _one_of(wanted: FieldFilter) -> Condition:
    return Condition(f"{_exact(wanted)} = ANY(%s::jsonb[])", [[*map(_as_json, wanted.values)]])


def _exists(wanted: FieldFilter) -> Condition:
    return Condition(f"{field_values.raw(wanted.path)} IS {'NOT ' if wanted.value else ''}NULL", [])


def _range(wanted: FieldFilter) -> Condition:
    sign = _SIGNS[wanted.operator]
    value = wanted.value
    if isinstance(value, Number):
        # Booleans come after numbers in jsonb's order, texts before them.
        indexed, raw = field_values.expression(wanted.path), field_values.raw(wanted.path)
        other_end = f"{indexed} < 'false'::jsonb" if sign.startswith(">") else f"jsonb_typeof({raw}) = 'number'"
        return Condition(f"{indexed} {sign} %s::jsonb AND {other_end}", [_as_json(value)])
    # Not as jsonb, which compares texts by the rules of the database's language.
    is_text = f"jsonb_typeof({field_values.raw(wanted.path)}) = 'string'"
    text = field_values.text(wanted.path)
    return Condition(f'{is_text} AND {text} COLLATE "C" {sign} %s', [str(value)])


def _contains(wanted: FieldFilter) -> Condition:
    raw = field_values.raw(wanted.path)
    is_element = f"(jsonb_typeof({raw}) = 'array' AND {raw} @> %s::jsonb)"
    if not isinstance(wanted.value, str):
        return Condition(is_element, [_as_json(wanted.value)])
    has_part = f"(jsonb_typeof({raw}) = 'string' AND position(%s IN {field_values.text(wanted.path)}) > 0)"
    return Condition(f"({has_part} OR {is_element})", [wanted.value, _as_json(wanted.value)])


_CONDITIONS: dict[Operator, Callable[[FieldFilter], Condition]] = {
    "eq": _equal,
    "ne": _differs,
    "in": _one_of,
    "exists": _exists,
    "gt": _range,
    "gte": _range,
    "lt": _range,
    "lte": _range,
    "contains": _contains,
}


def _exact(wanted: FieldFilter) -> str:
    """Return the expression to compare for equality: that of an index, if an index could have all these values."""
    is_short = all(
        not isinstance(value, str) or len(value.encode()) <= field_values.MAX_INDEXED_TEXT for value in wanted.values
    )
    return field_values.expression(wanted.path) if is_short else field_values.raw(wanted.path)


def _as_json(value: Value) -> str:
    return value.text if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)
