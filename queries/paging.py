"""Pages of a list that is followed by cursors, forward and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from queries import cursors
from queries.parameters import InvalidParameter, Parameters
from queries.shapes import Page

Row = TypeVar("Row")
Item = TypeVar("Item")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_OFFSET = 10_000


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """The rows of one page in the list's order, and whether there are others on either side."""

    rows: list[Row]
    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class Address:
    """The address of the list, to make those of its neighbours from."""

    url: str  # without parameters
    parameters: Mapping[str, str]  # by snake_case names

    def at(self, **changes: str) -> str:
        """Give the address of another page: that of a cursor, or of an offset."""
        kept = {name: value for name, value in self.parameters.items() if name not in {"cursor", "offset"}}
        return f"{self.url}?{urlencode(kept | changes)}"


def limit(parameters: Parameters) -> int:
    """Give how many rows a page has."""
    return parameters.integer("limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)


def offset(parameters: Parameters) -> int:
    """Give how many rows to skip, which gets dearer the more there are."""
    skipped = parameters.integer(
        "offset", default=0, least=0, most=MAX_OFFSET, hint="; to go further follow `next`, which carries a cursor"
    )
    if skipped and "cursor" in parameters.given:
        raise InvalidParameter("offset", "offset: expected without a cursor, which has its own place")
    return skipped


def cut(rows: list[Row], *, limit: int, backward: bool, continued: bool) -> Slice[Row]:
    """Make a slice of rows that were read one more than `limit`, away from the cursor.

    :param continued: the page does not begin the list
    """
    more = len(rows) > limit
    kept = rows[:limit]
    if backward:
        return Slice(kept[::-1], before=more, after=True)
    return Slice(kept, before=continued, after=more)


def page(
    part: Slice[Row],
    *,
    address: Address,
    forward: Callable[[Row], msgspec.Struct],
    backward: Callable[[Row], msgspec.Struct],
    shape: Callable[[Row], Item],
) -> Page[Item]:
    """Lay out a page; `forward` and `backward` make the cursor that goes on from a row."""
    rows = part.rows
    return {
        "next": address.at(cursor=cursors.write(forward(rows[-1]))) if part.after and rows else None,
        "previous": address.at(cursor=cursors.write(backward(rows[0]))) if part.before and rows else None,
        "results": [shape(row) for row in rows],
    }
