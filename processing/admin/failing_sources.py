"""The admin of sources that are set aside because too many of their events became dead letters: a list."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ingestion.admin.relative_time import time_column
from ingestion.models import FailingSource
from processing.admin.readonly import ReadOnlyAdmin

UNTIL = time_column("until")


class FailingSourceAdmin(ReadOnlyAdmin):
    """The incident of each is on the page of the pipeline, with the button that lets it send again."""

    list_display = ["source", time_column("since"), UNTIL, "times", "reason", "ended_by"]
    ordering = ["-until"]
    sortable_by = [UNTIL]  # type: ignore[list-item]  # Django compares the columns, of any kind

    @admin.display(ordering="source_id")
    def source(self, row: FailingSource) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("incidents"), row.source_id)
