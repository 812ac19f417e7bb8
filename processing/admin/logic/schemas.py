"""The admin of schemas: write one, or take the one that the last events of a source propose; use it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from ingestion.auth.read_scope import EVERYTHING
from processing.admin import formatting
from processing.admin.logic import access
from processing.admin.readonly import ReadOnlyAdmin
from processing.logic.content import Content, SchemaContent
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import shapes
from processing.logic.revisions import saving, versions
from processing.logic.schemas.infer import Proposal
from processing.models import SchemaVersion
from processing.stores.mongodb.documents import DocumentsUnavailable
from processing.trials.infer import infer_schema

MODES = [("warn", "warn: tag and count"), ("enforce", "enforce: dead letters"), ("off", "off")]
CHECKS = [("before", "before the rules: what was sent"), ("after", "after the rules: what becomes the row")]


class SchemaForm(forms.Form):
    """A schema and how it is used."""

    name = forms.CharField(max_length=64, widget=AdminTextInputWidget)
    document = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 20, "spellcheck": "false", "class": "event-text"}),
        help_text="JSON Schema 2020-12 of the payload.",
    )
    sources = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="Ids, or patterns such as plant-*, one a line.",
    )
    mode = forms.ChoiceField(choices=MODES)
    check = forms.ChoiceField(choices=CHECKS)
    activate = forms.BooleanField(
        required=False, label="Use it at once", help_text="In a revision that is made current; otherwise in a draft."
    )
    reason = forms.CharField(required=False, max_length=access.MAX_REASON, widget=AdminTextInputWidget)

    def clean_document(self) -> object:
        """Parse the document."""
        try:
            return json.loads(self.cleaned_data["document"])
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValidationError(f"This is not JSON: {error}.") from error


class SchemaVersionAdmin(ReadOnlyAdmin):
    """Versions are never changed: another document becomes the next one."""

    list_display = ["schema", "version", "use", "created_at", "created_by"]
    ordering = ["-id"]
    sortable_by = ["schema"]
    search_fields = ["name"]
    change_list_template = "admin/processing/logic/schema_list.html"
    change_form_template = "admin/processing/logic/schema_form.html"
    fields = ["name", "version", "use", "created_at", "created_by", "text"]
    readonly_fields = ["use", "text"]

    def get_urls(self) -> list[URLPattern]:
        edit = self.admin_site.admin_view(self.edit)
        return [path("edit/", edit, name="processing_schemaversion_edit"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "may_change": access.may_change(request)})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "may_change": access.may_change(request)}
        )

    def edit(self, request: HttpRequest) -> HttpResponse:
        """Show the form: of a version (`?version=`), of what a source's events propose (`?infer=`), or an empty one."""
        access.require_permission(request)
        initial, proposal = _initial(request)
        form = SchemaForm(request.POST or None, initial=initial)
        if form.is_valid():
            try:
                number = _save(request, form.cleaned_data)
            except InvalidLogic as error:
                access.add_faults(form, error.faults, {"/document": "document", "/name": "name"})
            else:
                messages.success(request, f"Revision {number} uses it.")
                return HttpResponseRedirect(formatting.change_url("logicrevision", str(number)))
        shown = {"form": form, "proposal": proposal, "infer": request.GET.get("infer", "")}
        return access.page(request, "schema", "Schema", shown)

    @admin.display(ordering="name")
    def schema(self, row: SchemaVersion) -> SafeString:
        return formatting.link("schemaversion", str(row.pk), row.name)

    def use(self, row: SchemaVersion) -> str:
        uses = shapes.current()["content"].schemas
        found = [use for use in uses if (use.name, use.version) == (row.name, row.version)]
        return (
            ", ".join(f"{use.mode} for {', '.join(use.sources)}, {use.check} the rules" for use in found)
            or "not in use"
        )

    @admin.display(description="document")
    def text(self, row: SchemaVersion) -> SafeString:
        return formatting.pre(json.dumps(row.document, indent=2, ensure_ascii=False))


def _initial(request: HttpRequest) -> tuple[dict[str, Any], Proposal | None]:
    row = SchemaVersion.objects.filter(pk=_number(request.GET.get("version", ""))).first()
    if row is not None:
        use = next((use for use in shapes.current()["content"].schemas if use.name == row.name), None)
        shown = {"name": row.name, "document": json.dumps(row.document, indent=2, ensure_ascii=False)}
        more = {"sources": "\n".join(use.sources), "mode": use.mode, "check": use.check} if use else {}
        return {**shown, **more}, None
    source = request.GET.get("infer", "").strip()
    if not source:
        return {}, None
    try:
        proposal = infer_schema(source, scope=EVERYTHING)
    except DocumentsUnavailable:
        messages.error(request, "MongoDB does not answer; try again later.")
        return {}, None
    if not proposal.events:
        messages.warning(request, f"No event of {source} is stored.")
        return {}, None
    return {"document": json.dumps(proposal.schema, indent=2, ensure_ascii=False), "sources": source}, proposal


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _save(request: HttpRequest, given: dict[str, Any]) -> int:
    row = versions.save_schema(given["name"], given["document"], who=access.who(request))
    sources = [line.strip() for line in given["sources"].splitlines() if line.strip()]
    use = SchemaContent(row.name, row.version, sources, given["mode"], given["check"])

    def with_schema(content: Content) -> Content:
        names = [each.name for each in content.schemas]
        index = names.index(use.name) if use.name in names else len(names)
        return msgspec.structs.replace(content, schemas=[*content.schemas[:index], use, *content.schemas[index + 1 :]])

    reason = given["reason"] or f"schema {row.name} {row.version}: {use.mode}"
    return saving.change(with_schema, who=access.who(request), reason=reason, activate=given["activate"])
