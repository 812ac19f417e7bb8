"""What the admin's lists share: they only read, and never count or scan without a bound."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

from ingestion.admin.light import LightAdmin


class ReadOnlyAdmin(LightAdmin):
    """The admin of rows that the consumer wrote, read-only."""

    actions = None
    list_display_links = None  # each list has its own link column
    change_form_template = "admin/processing/change_form.html"

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class TextFilter(admin.ListFilter):
    """A filter with text fields. Its parameters are those of the URL; empty ones count as absent."""

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
        """Return the text of a field, stripped; empty without one."""
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
    """Filter by one source id: there may be 100,000, too many to choose from a list."""

    title = "source"
    labels = {"source": "Source id"}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        source = self.value("source")
        return queryset.filter(source_id=source) if source else queryset


class TimeFilter(TextFilter):
    """Filter by a half-open range of event time, in UTC. Invalid times are ignored."""

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
