"""The admin of lookup tables: upload a CSV file, look at the versions."""

from __future__ import annotations

from typing import Any

import msgspec
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from processing.admin import formatting
from processing.admin.logic import access
from processing.admin.readonly import ReadOnlyAdmin
from processing.logic.content import Content
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import shapes
from processing.logic.revisions import saving, versions
from processing.logic.tables.lookup_table import LookupTable
from processing.models import LookupTableVersion

MAX_SHOWN = 100  # rows
TYPES = "COLUMN=TYPE, one a line: text, number or boolean. Types that are not given follow from the cells."


class UploadForm(forms.Form):
    """A CSV file and what it is called."""

    name = forms.CharField(
        max_length=64, widget=AdminTextInputWidget, help_text='As rules call it: lookup("stations", id, "name").'
    )
    file = forms.FileField(help_text="CSV in UTF-8; the first line names the columns. At most 100,000 rows.")
    key = forms.CharField(max_length=128, widget=AdminTextInputWidget, help_text="The column that lookup searches.")
    types = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}), help_text=TYPES
    )
    activate = forms.BooleanField(
        required=False, initial=True, label="Use it at once", help_text="In a revision that is made current."
    )
    reason = forms.CharField(required=False, max_length=access.MAX_REASON, widget=AdminTextInputWidget)

    def clean_types(self) -> dict[str, str]:
        """Parse the types."""
        pairs = [line.rpartition("=") for line in self.cleaned_data["types"].splitlines() if line.strip()]
        if not all(equals for _, equals, _ in pairs):
            raise ValidationError("Expected COLUMN=TYPE, one a line.")
        return {column.strip(): kind.strip() for column, _, kind in pairs}


class LookupTableAdmin(ReadOnlyAdmin):
    """Versions are never changed: another file becomes the next one."""

    list_display = ["table", "version", "in_use", "key", "rows", "created_at", "created_by"]
    ordering = ["-id"]
    sortable_by = ["table"]
    search_fields = ["name"]
    change_list_template = "admin/processing/logic/table_list.html"
    fields = ["name", "version", "in_use", "key", "types", "rows", "created_at", "created_by", "first_rows"]
    readonly_fields = ["in_use", "types", "first_rows"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LookupTableVersion]:
        # The list shows no rows, of which there may be megabytes.
        return super().get_queryset(request).defer("data")

    def get_urls(self) -> list[URLPattern]:
        upload = self.admin_site.admin_view(self.upload)
        return [path("upload/", upload, name="processing_lookuptableversion_upload"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "may_change": access.may_change(request)})

    def upload(self, request: HttpRequest) -> HttpResponse:
        """Show the form, and save the file as a version."""
        access.require_permission(request)
        form = UploadForm(request.POST or None, request.FILES or None)
        if form.is_valid():
            try:
                row = _save(request, form.cleaned_data)
            except InvalidLogic as error:
                access.add_faults(form, error.faults, {"/file": "file", "/name": "name"})
            else:
                messages.success(request, f"{row.name} {row.version} has {row.rows:,} rows.")
                return HttpResponseRedirect(formatting.change_url("lookuptableversion", str(row.pk)))
        return access.page(request, "upload", "Upload a lookup table", {"form": form})

    @admin.display(ordering="name")
    def table(self, row: LookupTableVersion) -> SafeString:
        return formatting.link("lookuptableversion", str(row.pk), row.name)

    @admin.display(boolean=True)
    def in_use(self, row: LookupTableVersion) -> bool:
        return shapes.current()["content"].tables.get(row.name) == row.version

    def types(self, row: LookupTableVersion) -> SafeString:
        return formatting.table(("column", "type"), ((column["name"], column["type"]) for column in row.columns))

    def first_rows(self, row: LookupTableVersion) -> SafeString:
        table = LookupTable.load(bytes(row.data))
        rows = [
            ["" if cell is None else cell for cell in each.values()]
            for _, each in zip(range(MAX_SHOWN), table.rows(), strict=False)
        ]
        return formatting.table(list(table.columns), rows)


def _save(request: HttpRequest, given: dict[str, Any]) -> LookupTableVersion:
    table = LookupTable.from_csv(given["file"].read(), given["key"], given["types"], pointer="/file")
    row = versions.save_table(given["name"], table, who=access.who(request))

    def use(content: Content) -> Content:
        return msgspec.structs.replace(content, tables={**content.tables, row.name: row.version})

    if given["activate"]:
        saving.change(use, who=access.who(request), reason=given["reason"] or f"lookup table {row.name} {row.version}")
    return row
