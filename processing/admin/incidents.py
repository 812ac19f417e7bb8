"""The admin of incidents and gaps: lists. The page of the pipeline has the same with what to do about them."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ingestion.admin.relative_time import time_column
from processing.admin.readonly import ReadOnlyAdmin
from processing.ledger import lost_records
from processing.models import Incident, LedgerGap

SINCE, LATER = time_column("since"), (time_column("last_seen"), time_column("until"))
NOTICED = time_column("noticed_at", "noticed")


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Model]) -> list[tuple[str, str]]:
        return [("open", "open"), ("over", "over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        return queryset if self.value() is None else queryset.filter(until__isnull=self.value() == "open")


class IncidentAdmin(ReadOnlyAdmin):
    """Newest first. What to do about an open one is on the page of the pipeline."""

    list_display = ["incident", "state", "kind", "detail", SINCE, *LATER, "count", "acknowledged_by"]
    list_filter = [OpenFilter, "kind"]
    ordering = ["-since"]
    sortable_by = [SINCE]  # type: ignore[list-item]  # Django compares the columns, of any kind

    @admin.display(description="incident")
    def incident(self, row: Incident) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("incidents"), row.subject)

    def state(self, row: Incident) -> str:
        return "open" if row.until is None else "over"


class LedgerGapAdmin(ReadOnlyAdmin):
    list_display = ["topic", "partition", "first_offset", "next_offset", "what", NOTICED]
    list_filter = ["cause"]
    list_select_related = ["topic"]
    ordering = ["-id"]
    sortable_by = ()

    def what(self, row: LedgerGap) -> str:
        return lost_records.sentence(row.first_offset, row.next_offset, LedgerGap.Cause(row.cause))
