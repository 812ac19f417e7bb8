"""The query of GET /data: its parameters, and the cursor between its pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, cast

import msgspec
from django.utils.datastructures import MultiValueDict

from queries.request import pagination
from queries.request import selection as selections
from queries.request.field_filters import parse_path
from queries.request.query_params import FILTER_PREFIX, InvalidParameter, Parameters
from queries.request.selection import Selection

Order = Literal["asc", "desc"]
Count = Literal["estimated", "exact"]

# Those that define the list; a cursor carries them. The others may differ from page to page.
_LIST = (*selections.PARAMETERS, "order")
PARAMETERS = (*_LIST, "fields", "limit", "offset", "cursor", "count")
REPEATED = (*selections.REPEATED, "fields")
MAX_FIELDS = 100  # of a projection

# Fields of a selection, by the parameters that they come from.
_NAMES = {
    "sources": "source_id",
    "start": "start_time",
    "end": "end_time",
    "received_start": "received_start",
    "received_end": "received_end",
    "filters": "field",
    "tags": "tag",
    "other_tags": "-tag",
    "line": "filter",
}


class EventCursor(msgspec.Struct, array_like=True, frozen=True):
    """A position in the list of events, and the state of the list when its first page was read."""

    backward: bool
    ts: int  # with the next two: the row to continue from; microseconds since the epoch
    source_id: str
    id: str
    visible: str  # pg_snapshot of the first page
    settled: int  # rows stored up to this time are visible without a check of `visible`; microseconds since the epoch
    list: Sequence[tuple[str, Sequence[str]]]  # the parameters that define the list, as they were sent


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events to read, in which order, and which page of them."""

    selection: Selection = field(default_factory=Selection)
    order: Order = "desc"
    fields: tuple[tuple[str, ...], ...] | None = None  # of the payload, by path; None: all of it
    count: Count | None = None
    limit: int = pagination.DEFAULT_LIMIT
    offset: int = 0
    cursor: EventCursor | None = None
    given: Sequence[tuple[str, Sequence[str]]] = ()  # the parameters that define the list, for its cursors

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters. Those that define the list come from the cursor, where they are not given.

        :raises InvalidParameter: a value can't be used, or the cursor belongs to another list
        """
        cursor = pagination.cursor(parameters, EventCursor)
        given = _list_of(parameters.given)
        whole = parameters
        if cursor is not None:
            whole = _parameters({**dict(cursor.list), **given})
            _check_same(whole, _parameters(dict(cursor.list)))
            given = dict(cursor.list)
        return cls(
            selection=Selection.from_parameters(whole),
            order=_order(whole),
            fields=projection_of(parameters),
            count=cast("Count | None", parameters.choice("count", ("estimated", "exact"))),
            limit=pagination.limit(parameters),
            offset=pagination.offset(parameters),
            cursor=cursor,
            given=tuple(given.items()),
        )


def defines_list(name: str) -> bool:
    """Return whether a parameter is one of those that define the list, which a cursor carries."""
    return name in _LIST or name.startswith(FILTER_PREFIX)


def carried_by(cursor: str) -> dict[str, Sequence[str]]:
    """Return the parameters that a cursor carries.

    :raises InvalidParameter: it is not a cursor of a list of events
    """
    return dict(pagination.read_cursor(cursor, EventCursor).list)


def _list_of(given: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    return {name: values for name, values in given.items() if defines_list(name)}


def _parameters(given: Mapping[str, Sequence[str]]) -> Parameters:
    sent = MultiValueDict({name: list(values) for name, values in given.items()})
    return Parameters(sent, known=PARAMETERS, repeated=REPEATED)


def _check_same(wanted: Parameters, of_cursor: Parameters) -> None:
    """Check that the parameters beside a cursor only repeat those of its list."""
    one, other = Selection.from_parameters(wanted), Selection.from_parameters(of_cursor)
    differing = [name for part, name in _NAMES.items() if getattr(one, part) != getattr(other, part)]
    if _order(wanted) != _order(of_cursor):
        differing.append("order")
    if differing:
        raise InvalidParameter("cursor", f"cursor: belongs to a list with another {differing[0]}")


def _order(parameters: Parameters) -> Order:
    return cast("Order", parameters.choice("order", ("asc", "desc"), default="desc"))


def projection_of(parameters: Parameters) -> tuple[tuple[str, ...], ...] | None:
    """Return the paths of the fields that are asked for; None: the whole payload.

    :raises InvalidParameter: one is no path, or is given twice
    """
    texts = parameters.paths("fields", most=MAX_FIELDS)
    return tuple(parse_path("fields", text) for text in texts) or None
