"""Which events a query is about: sources, ranges of time, fields and tags. Lists, aggregates and exports share it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from ingestion.auth.read_scope import ReadScope
from ingestion.auth.source_patterns import ANY
from ingestion.problems import Code
from queries.reads import known_sources
from queries.reads.known_sources import TooManySources
from queries.reads.subject import Subject
from queries.request import field_filters
from queries.request.field_filters import FieldFilter
from queries.request.filter_line import parsing
from queries.request.filter_line.terms import EVERYTHING_PASSES, FilterLine
from queries.request.query_params import FILTERS, InvalidParameter, Parameters

_RECEIVED = ("received_start", "received_end")
PARAMETERS = ("source_id", "start_time", "end_time", *_RECEIVED, "tag", "-tag", "filter", FILTERS)
REPEATED = ("source_id", "tag", "-tag")

MAX_SOURCES = 1_000  # that one query may name
MAX_MATCHING = 10_000  # that its patterns may stand for
MAX_TAGS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which events; what is not given does not restrict."""

    sources: frozenset[str] | None = None  # ids and patterns
    start: datetime | None = None  # inclusive
    end: datetime | None = None  # exclusive
    received_start: datetime | None = None  # inclusive; by the receiver's clock, as the ledger counts
    received_end: datetime | None = None  # exclusive
    filters: tuple[FieldFilter, ...] = ()
    tags: tuple[str, ...] = ()  # an event has all of them
    other_tags: tuple[str, ...] = ()  # and none of these
    line: FilterLine = EVERYTHING_PASSES  # beside all that

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters.

        :raises InvalidParameter: a value can't be used
        """
        start, end = parameters.span()
        received_start, received_end = parameters.span(*_RECEIVED)
        return cls(
            sources=parameters.source_patterns(most=MAX_SOURCES),
            start=start,
            end=end,
            received_start=received_start,
            received_end=received_end,
            filters=field_filters.parse(parameters.filters),
            tags=tuple(parameters.texts("tag", most=MAX_TAGS)),
            other_tags=tuple(parameters.texts("-tag", most=MAX_TAGS)),
            line=parsing.parse(parameters.text("filter", most=parsing.MAX_LINE) or ""),
        )

    @property
    def looks_into_events(self) -> bool:
        """Return whether rows have to be read to know which events match."""
        received = self.received_start is not None or self.received_end is not None
        return received or bool(self.filters or self.tags or self.other_tags or self.line.inner)

    def subject(self, scope: ReadScope) -> Subject:
        """Return what an answer about these events depends on.

        :raises InvalidParameter: the patterns stand for too many sources
        :raises ReadUnavailable: PostgreSQL does not answer
        """
        return Subject(self.within(scope), self.start, self.end)

    def within(self, scope: ReadScope) -> ReadScope:
        """Return the sources of a scope that the query is about. Patterns are looked up each time.

        :raises InvalidParameter: its patterns stand for too many
        :raises ReadUnavailable: PostgreSQL does not answer
        """
        return _among(_among(scope, self.sources, "source_id"), self.line.patterns, "filter")


def _among(scope: ReadScope, patterns: frozenset[str] | None, parameter: str) -> ReadScope:
    if patterns is None or ANY in patterns:
        return scope
    try:
        return scope.among(known_sources.resolve(patterns, scope=scope, limit=MAX_MATCHING))
    except TooManySources as error:
        detail = f"{parameter}: the patterns stand for more than {error.limit:,} sources; expected a longer beginning"
        raise InvalidParameter(parameter, detail, code=Code.QUERY_TOO_WIDE) from error
