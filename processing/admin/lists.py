"""What the admin's lists share: they only read, and never count or scan without a bound."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

MOST_LISTED = 10_000  # rows that a list leads to; a filter leads to the others


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not generic while it runs
    """Counts no further than MOST_LISTED: a table of events has hundreds of millions."""

    @cached_property
    def count(self) -> int:
        assert isinstance(self.object_list, QuerySet)
        return self.object_list.order_by()[:MOST_LISTED].count()


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic while it runs
    """Rows that the consumer wrote: looked at here, never changed."""

    actions = None
    list_display_links = None  # the lists link by a column of their own
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count without a bound
    change_form_template = "admin/processing/change_form.html"

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class TextFilter(admin.ListFilter):
    """A filter that one types into: its parameters are those of the URL, empty ones count as absent."""

    template = "admin/text_filter.html"
    labels: ClassVar[dict[str, str]]  # parameter -> label
    input_type = "text"
    step = ""

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: admin.ModelAdmin[Any]
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.labels:
            if name in params:
                value = params.pop(name)
                self.used_parameters[name] = value[-1] if isinstance(value, list) else value

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.labels)

    def value(self, name: str) -> str:
        """What was typed, without spaces around it; empty for nothing."""
        return str(self.used_parameters.get(name, "")).strip()

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        others = {name: value for name, value in changelist.get_filters_params().items() if name not in self.labels}
        yield {
            "others": [(name, value[-1] if isinstance(value, list) else value) for name, value in others.items()],
            "fields": [{"name": name, "label": text, "value": self.value(name)} for name, text in self.labels.items()],
            "active": any(map(self.value, self.labels)),
            "without": changelist.get_query_string(remove=list(self.labels)),
        }


class SourceFilter(TextFilter):
    """Exactly one source: there may be 100,000, too many for a list to choose from."""

    title = "source"
    labels = {"source": "Source id"}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        source = self.value("source")
        return queryset.filter(source_id=source) if source else queryset


class TimeFilter(TextFilter):
    """A range of event time, half open, in UTC. What is no time is left out of account."""

    title = "event time (UTC)"
    labels = {"from": "From", "until": "Until"}
    input_type = "datetime-local"
    step = "1"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        begin, end = self._moment("from"), self._moment("until")
        if begin:
            queryset = queryset.filter(ts__gte=begin)
        return queryset.filter(ts__lt=end) if end else queryset

    def _moment(self, name: str) -> datetime | None:
        try:
            moment = parse_datetime(self.value(name))
        except ValueError:
            return None
        return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None
