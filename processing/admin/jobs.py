"""The admin of jobs: a list, whose rows lead to the page of each job."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ingestion.admin.relative_time import time_column
from processing.admin.readonly import ReadOnlyAdmin
from processing.models import Job


class JobAdmin(ReadOnlyAdmin):
    """Newest first. What a job is about, what it found, and its buttons are on its own page."""

    list_display = ["job", "kind", "state", "progress", "message", "who", time_column("created_at", "created")]
    list_filter = ["state", "kind"]
    ordering = ["-id"]
    sortable_by = ["job"]

    @admin.display(ordering="id")
    def job(self, row: Job) -> SafeString:
        return format_html('<a href="{}">{}</a>', page_of(str(row.pk)), row.pk)

    def progress(self, row: Job) -> str:
        return f"{row.done:,}" if row.total is None else f"{row.done:,} of {row.total:,}"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the page of the job."""
        return HttpResponseRedirect(page_of(object_id) if object_id.isdecimal() else reverse("jobs"))


def page_of(number: str) -> str:
    """Return the address of the page of a job."""
    return reverse("job", args=[number])
