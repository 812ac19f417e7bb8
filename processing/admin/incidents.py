"""The admin of incidents and gaps. A held partition is an incident; `manage.py partitions` resumes it."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from processing.admin.readonly import ReadOnlyAdmin
from processing.ledger import lost_records
from processing.models import Incident, LedgerGap

# Single events, open until an operator acknowledges them. Other incidents close by themselves.
ENDED_BY_OPERATOR = (Incident.Kind.GAP, Incident.Kind.ROLLBACK, Incident.Kind.CRASH)


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Model]) -> list[tuple[str, str]]:
        return [("open", "open"), ("over", "over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        return queryset if self.value() is None else queryset.filter(until__isnull=self.value() == "open")


class IncidentAdmin(ReadOnlyAdmin):
    list_display = ["kind", "subject", "detail", "since", "last_seen", "count", "until"]
    list_filter = [OpenFilter, "kind"]
    ordering = ["-since"]
    sortable_by = ["since"]
    actions = ["take_note"]  # type: ignore[assignment]  # the base has none

    def has_note_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("processing.change_incident")

    @admin.action(description="Acknowledge gaps, losses and crashes, which closes them", permissions=["note"])
    def take_note(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        # Counted before the update: afterwards a list of open incidents has none of them.
        chosen = queryset.count()
        noted = queryset.filter(kind__in=ENDED_BY_OPERATOR, until=None).update(until=timezone.now())
        left = chosen - noted
        rest = f" {left} close by themselves, or are closed already." if left else ""
        self.message_user(request, f"{noted} acknowledged.{rest}")


class LedgerGapAdmin(ReadOnlyAdmin):
    list_display = ["topic", "partition", "first_offset", "next_offset", "what", "noticed_at"]
    list_filter = ["cause"]
    list_select_related = ["topic"]
    ordering = ["-id"]
    sortable_by = ["noticed_at"]

    def what(self, row: LedgerGap) -> str:
        return lost_records.sentence(row.first_offset, row.next_offset, LedgerGap.Cause(row.cause))
