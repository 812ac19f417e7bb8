"""The admin of indexes that are declared on fields: declare one, see how far it is, drop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString

from ingestion.admin.keyset import KeysetList
from ingestion.admin.relative_time import time_column
from ingestion.auth.source_patterns import PATTERN_FORM
from processing.admin import formatting
from processing.admin.readonly import ReadOnlyAdmin
from processing.field_indexes import declaring, listing
from processing.field_indexes.declaring import Refused
from processing.models import FieldIndex, Job


class DeclarationForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic while it runs
    """A pattern of sources and a field."""

    class Meta:
        model = FieldIndex
        fields = ("pattern", "field")
        widgets = {"pattern": AdminTextInputWidget, "field": AdminTextInputWidget}
        help_texts = {"pattern": f"A pattern of sources: {PATTERN_FORM}.", "field": f"{declaring.FIELD_FORM}."}

    def clean(self) -> dict[str, Any] | None:
        given = super().clean() or self.cleaned_data
        # One that exists is told of by the constraint.
        if not self.errors and not FieldIndex.objects.filter(**given).exists():
            try:
                declaring.try_add(**given)
            except Refused as error:
                raise ValidationError(str(error)) from error
        return given


class DeclaredList(KeysetList):
    """One page of declared indexes. Each would ask for its state by itself, among all indexes of all partitions."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        known = {one.row.pk: one for one in listing.everything()}
        for row in self.result_list:
            row.declared = known.get(row.pk)


class FieldIndexAdmin(ReadOnlyAdmin):
    list_display = ["index", "progress", "latest_job", time_column("created_at", "created"), "created_by"]
    list_select_related = ["job"]
    ordering = ["id"]
    sortable_by = ["index"]
    actions = ["make_again", "drop"]  # type: ignore[assignment]  # the base has none
    action_notes: ClassVar[dict[str, str]] = {
        "make_again": "A job makes what is missing of the index, as after a failure.",
        "drop": "A job drops the index; searches for this field read more from then on.",
    }
    form = DeclarationForm
    readonly_fields = ["progress", "latest_job"]

    @admin.display(ordering="id")
    def index(self, row: FieldIndex) -> SafeString:
        return formatting.link("fieldindex", str(row.pk), str(row))

    @admin.display(description="state")
    def progress(self, row: FieldIndex) -> str:
        return listing.in_words(getattr(row, "declared", None) or listing.describe(row))

    @admin.display(description="job")
    def latest_job(self, row: FieldIndex) -> SafeString | str:
        return formatting.link("job", str(row.job_id), str(row.job_id)) if row.job_id else "none"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetList]:
        return DeclaredList

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        declared = ["pattern", "field"]
        return declared if obj is None else [*declared, "progress", "latest_job", "created_at", "created_by"]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("processing.add_fieldindex")

    def has_drop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("processing.delete_fieldindex")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except Refused as error:  # another one was declared since the form was checked
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.path)

    def save_model(self, request: HttpRequest, obj: FieldIndex, form: Any, change: bool) -> None:
        obj.job = declaring.add(obj.pattern, obj.field, who=request.user.get_username())
        obj.pk = obj.job.arguments["index"]

    def response_add(self, request: HttpRequest, obj: FieldIndex, post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponseRedirect(formatting.change_url("job", str(obj.job_id)))

    @admin.action(description="Make what is missing", permissions=["add"])
    def make_again(self, request: HttpRequest, queryset: QuerySet[FieldIndex]) -> None:
        self._request_each(request, queryset, declaring.add)

    @admin.action(description="Drop", permissions=["drop"])
    def drop(self, request: HttpRequest, queryset: QuerySet[FieldIndex]) -> None:
        self._request_each(request, queryset, declaring.drop)

    def _request_each(self, request: HttpRequest, rows: Iterable[FieldIndex], make: Callable[..., Job]) -> None:
        for row in rows:
            try:
                job = make(row.pattern, row.field, who=request.user.get_username())
            except Refused as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                self.message_user(request, f"Job {job.pk} works on the index on {row}.")
