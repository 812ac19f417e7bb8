"""The query of GET /data: its parameters, and the cursor between its pages."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self, cast

import msgspec

from queries.request import pagination
from queries.request.query_params import InvalidParameter, Parameters
from queries.request.times import from_micros

PARAMETERS = ("source_id", "start_time", "end_time", "limit", "offset", "cursor", "order")

Order = Literal["asc", "desc"]

# The parameters that define a list, with their fields in EventQuery.
_FILTERS = {"source_id": "source_id", "start_time": "start", "end_time": "end", "order": "order"}


class EventCursor(msgspec.Struct, array_like=True, frozen=True):
    """A position in the list of events, and the state of the list when its first page was read."""

    backward: bool
    ts: int  # with the next two: the row to continue from; microseconds since the epoch
    source_id: str
    id: str
    visible: str  # pg_snapshot of the first page
    settled: int  # rows stored up to this time are visible without a check of `visible`; microseconds since the epoch
    order: Order
    only_source: str | None
    start: int | None  # microseconds since the epoch
    end: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events to read, in which order, and which page of them."""

    source_id: str | None = None
    start: datetime | None = None  # inclusive
    end: datetime | None = None  # exclusive
    order: Order = "desc"
    limit: int = pagination.DEFAULT_LIMIT
    offset: int = 0
    cursor: EventCursor | None = None

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters. Filters that are not given come from the cursor, if there is one.

        :raises InvalidParameter: a value can't be used, or the cursor belongs to another list
        """
        start, end = parameters.span()
        text = parameters.text("cursor")
        query = cls(
            source_id=parameters.source_id(),
            start=start,
            end=end,
            order=cast("Order", parameters.choice("order", ("asc", "desc"), default="desc")),
            limit=pagination.limit(parameters),
            offset=pagination.offset(parameters),
        )
        return (
            query
            if text is None
            else query.continued(pagination.read_cursor(text, EventCursor), given=parameters.given)
        )

    def continued(self, cursor: EventCursor, *, given: Container[str]) -> Self:
        """Return the query of another page of the cursor's list.

        :param given: the parameters beside the cursor; they may repeat the parameters of the list
        """
        whole = self.__class__(
            source_id=cursor.only_source,
            start=None if cursor.start is None else from_micros(cursor.start),
            end=None if cursor.end is None else from_micros(cursor.end),
            order=cursor.order,
            limit=self.limit,
            cursor=cursor,
        )
        for parameter, field in _FILTERS.items():
            if parameter in given and getattr(self, field) != getattr(whole, field):
                raise InvalidParameter("cursor", f"cursor: belongs to a list with another {parameter}")
        return whole
