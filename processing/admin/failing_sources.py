"""The admin of sources that are set aside because too many of their events became dead letters."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ingestion.models import FailingSource
from processing.admin.readonly import ReadOnlyAdmin
from processing.partitions import failing_sources


class FailingSourceAdmin(ReadOnlyAdmin):
    list_display = ["source_id", "since", "until", "times", "reason", "ended_by"]
    ordering = ["-until"]
    sortable_by = ["until"]
    actions = ["resume"]  # type: ignore[assignment]  # the base has none

    def has_resume_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ingestion.change_failingsource")

    @admin.action(description="Let these sources send again at once", permissions=["resume"])
    def resume(self, request: HttpRequest, queryset: QuerySet[FailingSource]) -> None:
        who = request.user.get_username()
        ended = sum(failing_sources.resume(one.source_id, who=who) for one in queryset)
        self.message_user(request, f"{ended} may send again; receivers follow within seconds.")
