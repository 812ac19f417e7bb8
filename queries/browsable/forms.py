"""The form of an address: an input for each parameter, with its present values. No choice is made from rows of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from queries.openapi import kinds
from queries.request.field_filters import OPERATORS

# A form sends it, so that its address is put right first (queries.browsable.form_addresses).
MARK = "_form"
PATH, OPERATOR, VALUE = "_path", "_operator", "_value"  # of a filter on a field
# A cursor belongs to the parameters that it was made with, and the format is chosen by buttons.
_HIDDEN = frozenset({"cursor", "format"})
_FILTER = re.compile(r"field\.(?P<path>(?:[^\[\]\\]|\\.)+)(?:\[(?P<operator>[^\[\]]*)\])?", re.DOTALL)


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


def of(parameters: Iterable[Mapping[str, Any]], given: QueryDict) -> Form:
    """Return the form for these parameters of the document, filled with what was given."""
    asked = [each for each in parameters if each["in"] == "query" and each["name"] not in _HIDDEN]
    has_filters = any(each["name"] == "filters" for each in asked)
    inputs = [_input(each, given) for each in asked if each["name"] != "filters"]
    return Form(inputs, [*_filters(given), Filter()] if has_filters else [])


def _input(about: Mapping[str, Any], given: QueryDict) -> Input:
    schema = about["schema"]
    example = about.get("example", "")
    usual = kinds.default(schema)
    shown = ",".join(map(str, example)) if isinstance(example, list) else str(example)
    return Input(
        name=about["name"],
        hint=about["description"].replace("`", ""),
        value=",".join(given.getlist(about["name"])),
        placeholder=usual if usual or "enum" in schema else f"such as {shown}",
        choices=schema.get("enum", ()),
        least=schema.get("minimum"),
        most=schema.get("maximum"),
    )


def _filters(given: QueryDict) -> Iterable[Filter]:
    for name, values in given.lists():
        match = _FILTER.fullmatch(name)
        if match is not None:
            path = re.sub(r"\\([\[\]])", r"\1", match["path"])
            yield from (Filter(path, match["operator"] or "eq", value) for value in values)
