"""Lists of the admin by cursor: no page costs more than the first, however many rows there are."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple, Protocol, cast

import msgspec
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.db.models import Field, Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest
from django.utils.text import capfirst

AFTER, BEFORE = "after", "before"  # in the parameter for the page, with a place behind a dot
QUERY_CANCELED = "57014"  # https://www.postgresql.org/docs/18/errcodes-appendix.html


class Order(NamedTuple):
    """One of the columns that a list is sorted by."""

    field: Field  # type: ignore[type-arg]  # of any column
    descending: bool

    def reversed(self) -> Order:
        """Return the other direction."""
        return Order(self.field, not self.descending)


def past(orders: Sequence[Order], place: Sequence[object]) -> Q:
    """Return the condition for rows behind a place, which has a value for each column. NULL sorts as the highest."""
    same, steps = Q(), []
    for (field, descending), value in zip(orders, place, strict=True):
        name = field.name
        if value is not None:
            step = Q(**{f"{name}__lt" if descending else f"{name}__gt": value})
            steps.append(same & (step | Q(**{f"{name}__isnull": True}) if field.null and not descending else step))
        elif descending:
            steps.append(same & Q(**{f"{name}__isnull": False}))
        same &= Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})
    found = reduce(or_, steps)
    first, value = orders[0], place[0]
    if first.field.null:
        return found
    # PostgreSQL begins to read an index where this says, which it does not see in the steps.
    return Q(**{f"{first.field.name}__lte" if first.descending else f"{first.field.name}__gte": value}) & found


class HasWholeKey(Protocol):
    """An admin that names the columns which tell all rows apart."""

    whole_key: tuple[str, ...]


class KeysetList(ChangeList):
    """A list that reads one page and one row, counts nothing, and estimates how much there is where a page is not all."""

    previous_page: str | None = None  # the query of its address
    next_page: str | None = None
    first_page: str | None = None
    estimate: int | None = None  # of rows, by PostgreSQL's statistics; None: this page is all, or it is not known
    is_too_slow: bool = False  # PostgreSQL took longer than its statement timeout

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Model]) -> list[str | Combinable]:
        """Return columns that tell all rows apart, those that only do so in the direction of the first one."""
        asked = [str(each) for each in super().get_ordering(request, queryset) if each not in ("pk", "-pk")]
        # By name, the first of each: Django adds the order that the rows have before any column is chosen.
        named: dict[str, str] = {}
        for each in asked:
            named.setdefault(each.removeprefix("-"), each)
        sign = "-" if not asked or asked[0].startswith("-") else ""
        whole_key = cast("HasWholeKey", self.model_admin).whole_key
        key = [self.lookup_opts.pk.name if each == "pk" else each for each in whole_key]
        return [*named.values(), *(sign + each for each in key if each not in named)]

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return what a column is sorted by; None: it can't be. Django would sort by any column that an address names."""
        return super().get_ordering_field(field_name) if field_name in (self.sortable_by or ()) else None

    def get_results(self, request: HttpRequest) -> None:
        """Read a page."""
        try:
            self.result_list = self._page(request.GET.get(PAGE_VAR, ""))
            if self.previous_page or self.next_page:
                self.estimate = _estimate(self.queryset)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != QUERY_CANCELED:
                raise
            self.result_list, self.is_too_slow = [], True
        # What Django's own templates ask for. Actions are for the rows that one sees.
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(self.result_list)

    def shown_estimate(self) -> str:
        """Return the estimate in two digits, which is all that it is good for; empty if it is not known."""
        if self.estimate is None or self.estimate <= self.result_count:
            return ""
        return f"{float(f'{self.estimate:.2g}'):,.0f}"

    def _page(self, text: str) -> list[Model]:
        how, _, place = text.partition(".")
        if how == BEFORE:
            rows = self._read([each.reversed() for each in self._orders()], place)
            if len(rows) > self.list_per_page:
                return self._shown(rows[self.list_per_page - 1 :: -1], earlier=True, later=True)
            place = ""  # the beginning, as a whole page
        rows = self._read(self._orders(), place if how == AFTER else "")
        later = len(rows) > self.list_per_page
        return self._shown(rows[: self.list_per_page], earlier=how == AFTER, later=later)

    def _read(self, orders: Sequence[Order], place: str) -> list[Model]:
        rows = self.queryset.order_by(*(f"{'-' if each.descending else ''}{each.field.name}" for each in orders))
        found = rows.filter(past(orders, _values(orders, place))) if place else rows
        return list(found[: self.list_per_page + 1])

    def _shown(self, rows: list[Model], *, earlier: bool, later: bool) -> list[Model]:
        if earlier:
            self.first_page = self.get_query_string()
            self.previous_page = self._address(BEFORE, rows[0]) if rows else self.first_page
        if later:
            self.next_page = self._address(AFTER, rows[-1])
        return rows

    def _orders(self) -> list[Order]:
        ordering = cast("Sequence[str]", self.queryset.query.order_by)
        fields = {field.name: field for field in self.lookup_opts.fields}
        return [Order(fields[each.removeprefix("-")], each.startswith("-")) for each in ordering]

    def _address(self, how: str, row: Model) -> str:
        fields = [order.field for order in self._orders()]
        values = [None if each.value_from_object(row) is None else each.value_to_string(row) for each in fields]
        place = base64.urlsafe_b64encode(msgspec.json.encode(values)).rstrip(b"=").decode()
        return str(self.get_query_string({PAGE_VAR: f"{how}.{place}"}))


def _values(orders: Sequence[Order], place: str) -> list[object]:
    """:raises IncorrectLookupParameters: it is no place in a list of this order"""
    try:
        texts = msgspec.json.decode(base64.urlsafe_b64decode(place + "=" * (-len(place) % 4)), type=list[str | None])
        if any(text is not None and "\0" in text for text in texts):
            raise IncorrectLookupParameters
        pairs = zip(orders, texts, strict=True)
        return [None if text is None else order.field.to_python(text) for order, text in pairs]
    except (ValueError, ValidationError, msgspec.MsgspecError) as error:
        raise IncorrectLookupParameters from error


def _estimate(rows: QuerySet[Model]) -> int:
    plan = json.loads(rows.order_by().explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])
