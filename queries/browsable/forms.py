"""The form of an address: an input for each parameter, with its present values. No choice is made from rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.datastructures import MultiValueDict

from queries.openapi import kinds
from queries.request.field_filters import OPERATORS, split_name

# A form sends it, so that its address is put right first (queries.browsable.form_addresses).
MARK = "_form"
PATH, OPERATOR, VALUE = "_path", "_operator", "_value"  # of a filter on a field
# A cursor belongs to the parameters that it was made with, and the format is chosen by buttons.
_HIDDEN = frozenset({"cursor", "format"})
# Given once for each value, as tags have commas in them; other lists are separated by commas.
_APART = frozenset({"tag", "-tag"})


@dataclass(frozen=True, slots=True)
class Input:
    """One input; with `choices` a list of fixed values."""

    name: str
    hint: str
    value: str
    placeholder: str
    choices: Sequence[str]
    least: int | None
    most: int | None

    @property
    def is_number(self) -> bool:
        """Return whether it takes a whole number."""
        return self.most is not None


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter on a field of the payload."""

    path: str = ""
    operator: str = "eq"
    value: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """The inputs of an address; `filters` has an empty one at its end, or nothing if the address takes none."""

    inputs: Sequence[Input]
    filters: Sequence[Filter]
    operators: Sequence[str] = OPERATORS


def of(parameters: Iterable[Mapping[str, Any]], given: MultiValueDict[str, str]) -> Form:
    """Return the form for these parameters of the document, filled with what was given."""
    asked = [each for each in parameters if each["in"] == "query" and each["name"] not in _HIDDEN]
    has_filters = any(each["name"] == "filters" for each in asked)
    plain = [each for each in asked if each["name"] != "filters"]
    inputs = [_input(each, value) for each in plain for value in _values(each["name"], given)]
    return Form(inputs, [*_filters(given), Filter()] if has_filters else [])


def _values(name: str, given: MultiValueDict[str, str]) -> Sequence[str]:
    """Return the values of the inputs of a parameter; there is one at least."""
    values = given.getlist(name)
    return values if values and name in _APART else [",".join(values)]


def _input(about: Mapping[str, Any], value: str) -> Input:
    schema = about["schema"]
    example = about.get("example", "")
    usual = kinds.default(schema)
    shown = ",".join(map(str, example)) if isinstance(example, list) else str(example)
    return Input(
        name=about["name"],
        hint=about["description"].replace("`", ""),
        value=value,
        placeholder=usual if usual or "enum" in schema else f"such as {shown}",
        choices=schema.get("enum", ()),
        least=schema.get("minimum"),
        most=schema.get("maximum"),
    )


def _filters(given: MultiValueDict[str, str]) -> Iterable[Filter]:
    for name, values in given.lists():
        parts = split_name(name)
        if parts is not None:
            yield from (Filter(*parts, value) for value in values)
