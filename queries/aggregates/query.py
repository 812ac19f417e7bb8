"""The query of /api/data/aggregate/: its parameters, and the cursor between its pages of series."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self, cast, get_args
from zoneinfo import ZoneInfo

import msgspec

from processing.events import fields
from queries.aggregates import zones
from queries.aggregates.buckets import INTERVALS, Interval
from queries.request import pagination
from queries.request import selection as selections
from queries.request.field_filters import parse_path
from queries.request.query_params import InvalidParameter, Parameters
from queries.request.selection import Selection

Statistic = Literal["count", "sum", "avg", "min", "max", "first", "last", "p50", "p90", "p95", "p99"]
Fill = Literal["none", "null", "previous", "zero", "linear"]
Group = Literal["source", "field"]

STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
FILLS: tuple[Fill, ...] = get_args(Fill)
USUAL: tuple[Statistic, ...] = ("count", "sum", "avg", "min", "max")
PERCENTILES: dict[Statistic, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
GROUPS = ("source", "field", "none")

PARAMETERS = (
    *selections.PARAMETERS,
    *("field", "interval", "tz", "agg", "fill", "group", "top", "by", "cursor"),
)
REPEATED = (*selections.REPEATED, "field", "agg", "group")
MAX_FIELDS = 100
MAX_TOP = 1_000


class SeriesCursor(msgspec.Struct, array_like=True, frozen=True):
    """The last series of a page, in order of source and field; those that a query does not group by are empty."""

    source_id: str
    field: str
    query: str  # what the query asks for, so that the cursor fits no other


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateQuery:
    """Which statistics of which fields, over which buckets: all that overlap the range, each whole."""

    selection: Selection = field(default_factory=Selection)
    fields: tuple[str, ...] | None = None  # dotted paths; None: every numeric field
    interval: Interval = "1h"
    zone: ZoneInfo = field(default_factory=lambda: zones.parse(zones.UTC_NAME))
    statistics: tuple[Statistic, ...] = USUAL
    fill: Fill = "none"
    groups: frozenset[Group] = frozenset({"source", "field"})  # what a series has of its own
    top: int | None = None  # so many series alone
    by: Statistic = "count"  # of the whole range, the largest first
    cursor: SeriesCursor | None = None

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters.

        :raises InvalidParameter: a value can't be used, or the cursor belongs to another query
        """
        zone = parameters.text("tz")
        top = parameters.integer("top", default=0, least=1, most=MAX_TOP) or None
        found = cls(
            selection=Selection.from_parameters(parameters),
            fields=parse_fields(parameters),
            interval=cast("Interval", parameters.choice("interval", INTERVALS, default="1h")),
            zone=zones.parse(zone or zones.UTC_NAME),
            statistics=tuple(cast("list[Statistic]", parameters.words("agg", STATISTICS, default=USUAL))),
            fill=cast("Fill", parameters.choice("fill", FILLS, default="none")),
            groups=_groups(parameters),
            top=top,
            by=cast("Statistic", parameters.choice("by", STATISTICS, default="count")),
            cursor=pagination.cursor(parameters, SeriesCursor),
        )
        found.check()
        return found

    def check(self) -> None:
        """Check that the parameters fit each other.

        :raises InvalidParameter: they do not
        """
        if self.cursor is not None and self.cursor.query != self.identity:
            raise InvalidParameter("cursor", "cursor: belongs to another query")
        if self.top is not None and self.cursor is not None:
            raise InvalidParameter("top", "top: expected without a cursor; it has one page")
        if self.top is not None and self.by in PERCENTILES:
            raise InvalidParameter(
                "by", "by: expected one of count, sum, avg, min, max, first, last; the nearest one is max"
            )

    @property
    def identity(self) -> str:
        """Return a digest that is the same for queries that differ in nothing but the page."""
        sources = None if self.selection.sources is None else sorted(self.selection.sources)
        rest = replace(self.selection, sources=None)
        shape = (self.fields, self.interval, self.zone.key, self.statistics, self.fill, sorted(self.groups))
        return hashlib.sha256(repr((sources, rest, shape)).encode()).hexdigest()

    @property
    def from_rows(self) -> bool:
        """Return whether rollups can't answer it."""
        return self.selection.looks_into_events or any(each in PERCENTILES for each in self.statistics)

    @property
    def ranking(self) -> Self:
        """Return the query of what `top` goes by."""
        return replace(self, statistics=(self.by,))


def parse_fields(parameters: Parameters) -> tuple[str, ...] | None:
    """Return the paths of numeric fields that a query names, as rollups name them; None: it names none.

    :raises InvalidParameter: one is no path
    """
    texts = parameters.paths("field", most=MAX_FIELDS)
    return tuple(dict.fromkeys(fields.join(parse_path("field", text)) for text in texts)) or None


def _groups(parameters: Parameters) -> frozenset[Group]:
    words: Sequence[str] = parameters.words("group", GROUPS, default=("source", "field"))
    if "none" in words and len(words) > 1:
        raise InvalidParameter("group", "group: expected none alone, or source, field or both")
    return frozenset(cast("Group", word) for word in words if word != "none")
