"""The query of /api/sources/: its parameters, and the cursor between its pages."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Self, cast

import msgspec

from queries.request import pagination
from queries.request.query_params import InvalidParameter, Parameters
from queries.request.times import to_micros

PARAMETERS = ("q", "last_seen_after", "last_seen_before", "sort", "order", "limit", "offset", "cursor")

Sort = Literal["source_id", "last_seen", "events"]
Order = Literal["asc", "desc"]

# How an order goes if that is not said: by name from A on, else the latest and the largest first.
DEFAULT_ORDER: dict[Sort, Order] = {"source_id": "asc", "last_seen": "desc", "events": "desc"}

_PART_OF_AN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class SourceSelection(msgspec.Struct, array_like=True, frozen=True):
    """What defines a list of sources; times in microseconds since the epoch."""

    q: str | None = None
    last_seen_after: int | None = None
    last_seen_before: int | None = None
    sort: Sort = "source_id"
    order: Order = "asc"


class SourceCursor(msgspec.Struct, array_like=True, frozen=True):
    """A position in a list of sources."""

    backward: bool
    value: int  # of the row to continue from: microseconds since the epoch, or events; 0 in order of source id
    source_id: str
    # The largest value when the first page was read, in ascending order of one that grows: sources that overtake it while
    # the pages are read are left out, since such a list might never end.
    most: int | None
    list: SourceSelection


ALL = SourceSelection()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceQuery:
    """Which sources to list, and which page of them."""

    list: SourceSelection = ALL
    limit: int = pagination.DEFAULT_LIMIT
    offset: int = 0
    cursor: SourceCursor | None = None

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters. What defines the list comes from the cursor, if there is one.

        :raises InvalidParameter: a value can't be used, or the cursor belongs to another list
        """
        cursor = pagination.cursor(parameters, SourceCursor)
        query = cls(list=_list(parameters), limit=pagination.limit(parameters), offset=pagination.offset(parameters))
        return query if cursor is None else query.continued(cursor, given=parameters.given)

    def continued(self, cursor: SourceCursor, *, given: Container[str] = ()) -> Self:
        """Return the query of another page of the cursor's list.

        :param given: the parameters beside the cursor; they may repeat those of the list
        :raises InvalidParameter: one of them is of another list
        """
        for name in SourceSelection.__struct_fields__:
            if name in given and getattr(self.list, name) != getattr(cursor.list, name):
                raise InvalidParameter("cursor", f"cursor: belongs to a list with another {name}")
        return replace(self, list=cursor.list, cursor=cursor)


def _list(parameters: Parameters) -> SourceSelection:
    sort = cast("Sort", parameters.choice("sort", tuple(DEFAULT_ORDER), default="source_id"))
    after, before = parameters.time("last_seen_after"), parameters.time("last_seen_before")
    if after and before and before < after:
        raise InvalidParameter(
            "last_seen_before", "last_seen_before: expected a time that is not before last_seen_after"
        )
    return SourceSelection(
        q=_part(parameters),
        last_seen_after=_micros(after),
        last_seen_before=_micros(before),
        sort=sort,
        order=cast("Order", parameters.choice("order", ("asc", "desc"), default=DEFAULT_ORDER[sort])),
    )


def _part(parameters: Parameters) -> str | None:
    part = parameters.text("q")
    if part is not None and not _PART_OF_AN_ID.fullmatch(part):
        raise InvalidParameter("q", "q: expected a part of a source id, of the characters A-Z a-z 0-9 . _ : -")
    return part


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)
