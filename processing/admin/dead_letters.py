"""The admin of dead letters: a plain list. Their pages are those of the dashboard."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ingestion.admin.relative_time import time_column
from ingestion.problems import in_words
from processing.admin.readonly import ReadOnlyAdmin, SourceFilter
from processing.models import DeadLetter

PAGE = "/dead-letters/"  # of the dashboard, which is downstream of this app


class DeadLetterAdmin(ReadOnlyAdmin):
    """Newest first. The page of a letter is the dashboard's."""

    list_display = ["letter", "state", "what", "source_id", time_column("first_seen"), "open"]
    list_filter = ["state", SourceFilter]
    ordering = ["-id"]
    sortable_by = ["letter"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        # The list shows no bytes, of which there may be megabytes.
        return super().get_queryset(request).defer("raw", "edited")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to the page of the letter."""
        if request.method == "POST":
            raise PermissionDenied
        letter = self.get_object(request, object_id)
        return HttpResponseRedirect(PAGE if letter is None else f"{PAGE}{letter.pk}/")

    @admin.display(ordering="id")
    def letter(self, row: DeadLetter) -> int:
        return row.pk

    @admin.display(description="what is wrong")
    def what(self, row: DeadLetter) -> str:
        return in_words(row.reason)

    @admin.display(description="page")
    def open(self, row: DeadLetter) -> SafeString:
        return format_html('<a href="{}{}/">Open</a>', PAGE, row.pk)
