"""Lists of rows in order of their primary keys, newest first: parameters, cursors and pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

import msgspec
from django.db.models import Model, QuerySet

from queries.reads import postgres
from queries.request import pagination
from queries.request.pagination import CursorPage
from queries.request.query_params import Parameters

PARAMETERS = ("limit", "offset", "cursor")

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


class IdCursor(msgspec.Struct, array_like=True, frozen=True):
    """A position in a list. Each list has a subclass of its own, so that no list accepts a cursor of another."""

    backward: bool
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdPage:
    """Which page of a list to read."""

    kind: type[IdCursor]
    limit: int = pagination.DEFAULT_LIMIT
    offset: int = 0
    cursor: IdCursor | None = None

    @classmethod
    def from_parameters(cls, parameters: Parameters, kind: type[IdCursor]) -> Self:
        """Parse the parameters of a page.

        :raises InvalidParameter: a value can't be used
        """
        return cls(
            kind=kind,
            limit=pagination.limit(parameters),
            offset=pagination.offset(parameters),
            cursor=pagination.cursor(parameters, kind),
        )


def page(rows: QuerySet[Row], wanted: IdPage, *, shape: Callable[[Row], Item]) -> CursorPage[Item]:
    """Read one page of these rows.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    backward = wanted.cursor is not None and wanted.cursor.backward
    rows = rows.order_by("pk" if backward else "-pk")
    if wanted.cursor is not None:
        rows = rows.filter(**{"pk__gt" if backward else "pk__lt": wanted.cursor.number})
    with postgres.bounded():
        found = list(rows[wanted.offset : wanted.offset + wanted.limit + 1])
    continued = wanted.cursor is not None or wanted.offset > 0
    return pagination.page(
        pagination.cut(found, limit=wanted.limit, backward=backward, continued=continued),
        forward=lambda row: wanted.kind(backward=False, number=row.pk),
        backward=lambda row: wanted.kind(backward=True, number=row.pk),
        shape=shape,
    )
