"""Filters of a list that show the most frequent values with bounded counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from processing.admin.readonly import MAX_ROWS

MAX_VALUES = 12  # of one facet; search finds the others


class Facet(admin.ListFilter):
    """The most frequent values of one column, among the newest rows that match the other filters."""

    column: ClassVar[str]
    parameter: ClassVar[str]

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: admin.ModelAdmin[Any]
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self._request = request
        if self.parameter in params:
            self.used_parameters[self.parameter] = params.pop(self.parameter)[-1]

    @property
    def value(self) -> str | None:
        """The chosen value; None without one."""
        value = self.used_parameters.get(self.parameter)
        return None if value is None else str(value)

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value is None else queryset.filter(**{self.column: self.value})

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        counts = self._counts(changelist)
        yield {
            "selected": self.value is None,
            "query_string": changelist.get_query_string(remove=[self.parameter]),
            "display": "All",
        }
        if self.value is not None:
            counts.setdefault(self.value, 0)
        for value, count in counts.items():
            yield {
                "selected": value == self.value,
                "query_string": changelist.get_query_string({self.parameter: value}),
                "display": f"{self.label(value)} ({count:,})",
            }

    def label(self, value: str) -> str:
        """Return the text for a value."""
        return value.replace("_", " ")

    def _counts(self, changelist: ChangeList) -> dict[str, int]:
        """Count values among the newest rows that match the other filters, most frequent first."""
        others = changelist.get_queryset(self._request, exclude_parameters=[self.parameter])
        values = others.order_by("-pk").values_list(self.column, flat=True)
        # In Python: PostgreSQL could group the newest rows only by joining them with all rows.
        return dict(Counter(values[:MAX_ROWS]).most_common(MAX_VALUES))
