"""The terms of a filter line. All of them must hold; of sources that are named, one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from queries.request import field_filters
from queries.request.field_filters import FieldFilter, Number
from queries.request.query_params import InvalidParameter


@dataclass(frozen=True, slots=True)
class SourceTerm:
    """The source is the one named, or begins as a pattern says."""

    pattern: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class TagTerm:
    """The event has a tag."""

    tag: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """A field of the payload is as a filter says. Negated, it is not so, or there is no such field."""

    filter: FieldFilter
    negated: bool = False


@dataclass(frozen=True, slots=True)
class WordTerm:
    """A text is part of the source id, of a tag or of a text in the payload, in any case; a number is a value in it."""

    text: str
    negated: bool = False

    @property
    def number(self) -> Number | None:
        """Return the number that it is, too; None: it is none that an event may have."""
        try:
            return field_filters.number(self.text)
        except InvalidParameter:
            return None


Term: TypeAlias = SourceTerm | TagTerm | FieldTerm | WordTerm


@dataclass(frozen=True, slots=True)
class FilterLine:
    """A filter of events. Without terms it lets everything pass."""

    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def patterns(self) -> frozenset[str] | None:
        """Return the sources that it names, as patterns; None: it names none."""
        found = {term.pattern for term in self.terms if isinstance(term, SourceTerm) and not term.negated}
        return frozenset(found) or None

    @property
    def inner(self) -> tuple[Term, ...]:
        """Return the terms that a list of sources can't answer."""
        return tuple(term for term in self.terms if not isinstance(term, SourceTerm) or term.negated)

    @property
    def filters(self) -> tuple[FieldFilter, ...]:
        """Return the filters of fields that must hold."""
        return tuple(term.filter for term in self.terms if isinstance(term, FieldTerm) and not term.negated)


EVERYTHING_PASSES = FilterLine()
