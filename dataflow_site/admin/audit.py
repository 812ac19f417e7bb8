"""The log of what people did in the admin, and of what was done to dead letters: lists that nobody changes."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ingestion.admin.relative_time import time_column
from processing.admin.readonly import ReadOnlyAdmin
from processing.models import DeadLetterAction

KINDS = {1: "added", 2: "changed", 3: "deleted"}


class LogEntryAdmin(ReadOnlyAdmin):
    """Newest first, in the order of the key: the table has no index on the time."""

    list_display = [time_column("action_time", "when"), "user", "what", "object", "how"]
    list_select_related = ["user", "content_type"]
    search_fields = ["user__username"]
    search_help_text = "A user name"
    ordering = ["-id"]
    sortable_by = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LogEntry], search_term: str
    ) -> tuple[QuerySet[LogEntry], bool]:
        """Return the entries of one user, whose key the table has an index on."""
        if not search_term.strip():
            return queryset, False
        named = User.objects.filter(username=search_term.strip()).values_list("pk", flat=True)
        return queryset.filter(user_id__in=list(named)), False

    def what(self, row: LogEntry) -> str:
        return KINDS.get(row.action_flag, "–")

    def object(self, row: LogEntry) -> SafeString | str:
        named = f"{row.content_type.name if row.content_type else 'gone'}: {row.object_repr}"
        try:
            address = None if row.action_flag == DELETION else row.get_admin_url()
        except NoReverseMatch:
            address = None
        return format_html('<a href="{}">{}</a>', address, named) if address else named

    def how(self, row: LogEntry) -> str:
        return row.get_change_message() or "–"


class DeadLetterActionAdmin(ReadOnlyAdmin):
    """Newest first; the page of a letter has its own history."""

    list_display = [time_column("at", "when"), "who", "kind", "dead_letter", "note"]
    ordering = ["-id"]
    sortable_by = ()

    @admin.display(description="dead letter")
    def dead_letter(self, row: DeadLetterAction) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("dead-letter", args=[row.letter_id]), row.letter_id)
