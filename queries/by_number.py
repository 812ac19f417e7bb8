"""Lists of rows by their numbers, newest first: their parameters, cursors and pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

import msgspec
from django.db.models import Model, QuerySet

from queries import cursors, paging, postgres
from queries.parameters import Parameters
from queries.shapes import Page

PARAMETERS = ("limit", "offset", "cursor")

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


class NumberCursor(msgspec.Struct, array_like=True, frozen=True):
    """A place in a list; each list has a kind of its own, so that none takes another's."""

    backward: bool
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which page of a list."""

    kind: type[NumberCursor]
    limit: int = paging.DEFAULT_LIMIT
    offset: int = 0
    cursor: NumberCursor | None = None

    @classmethod
    def from_parameters(cls, parameters: Parameters, kind: type[NumberCursor]) -> Self:
        """Read the place.

        :raises InvalidParameter: a value can't be used
        """
        text = parameters.text("cursor")
        return cls(
            kind=kind,
            limit=paging.limit(parameters),
            offset=paging.offset(parameters),
            cursor=None if text is None else cursors.read(text, kind),
        )


def page(rows: QuerySet[Row], place: Place, *, address: paging.Address, shape: Callable[[Row], Item]) -> Page[Item]:
    """Read one page of these rows.

    :raises StoreUnavailable: PostgreSQL does not answer
    """
    backward = place.cursor is not None and place.cursor.backward
    rows = rows.order_by("pk" if backward else "-pk")
    if place.cursor is not None:
        rows = rows.filter(**{"pk__gt" if backward else "pk__lt": place.cursor.number})
    with postgres.bounded():
        found = list(rows[place.offset : place.offset + place.limit + 1])
    continued = place.cursor is not None or place.offset > 0
    return paging.page(
        paging.cut(found, limit=place.limit, backward=backward, continued=continued),
        address=address,
        forward=lambda row: place.kind(backward=False, number=row.pk),
        backward=lambda row: place.kind(backward=True, number=row.pk),
        shape=shape,
    )
