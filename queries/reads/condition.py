"""Parts of WHERE clauses with their values."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple, TypeAlias

from ingestion.auth.read_scope import ReadScope

Argument: TypeAlias = "str | int | datetime | date | list[str] | None"


class Condition(NamedTuple):
    """A part of a WHERE clause and its values."""

    text: str
    values: list[Argument]


TRUE = Condition("true", [])


def all_of(*conditions: Condition) -> Condition:
    """Return the condition that all of these hold."""
    kept = [each for each in conditions if each != TRUE]
    if not kept:
        return TRUE
    return Condition(" AND ".join(each.text for each in kept), [value for each in kept for value in each.values])


def of_scope(scope: ReadScope) -> Condition:
    """Return the condition of the sources in a scope."""
    text, values = scope.condition()
    return Condition(text, [*values])
