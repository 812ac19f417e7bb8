"""The registry of sources, whose labels reach the rules that use them at once."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest

from ingestion.admin import SourceAdmin
from ingestion.models import Source
from processing.logic.faults import InvalidLogic
from processing.logic.revisions import saving


class LabelledSourceAdmin(SourceAdmin):
    """As in its app; a change may make another revision current."""

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self._follow(request)

    def delete_model(self, request: HttpRequest, obj: Source) -> None:
        super().delete_model(request, obj)
        self._follow(request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        super().delete_queryset(request, queryset)
        self._follow(request)

    def _follow(self, request: HttpRequest) -> None:
        try:
            number = saving.follow_labels(who=request.user.get_username())
        except InvalidLogic as error:
            self.message_user(request, f"The logic keeps its labels: {error}", messages.WARNING)
            return
        if number is not None:
            self.message_user(request, f"Rules use these labels: revision {number} of the logic is current.")
