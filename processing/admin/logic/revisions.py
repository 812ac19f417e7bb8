"""The admin of revisions: list, compare, make current; processing.admin.logic.rule_pages has the form of a rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from processing.admin import formatting
from processing.admin.logic import access, history, rule_pages
from processing.admin.logic.history import HistoryForm
from processing.admin.readonly import ReadOnlyAdmin
from processing.logic.content import Content, RuleContent
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import shapes
from processing.logic.presentation.shapes import RuleCounts
from processing.logic.revisions import saving
from processing.logic.revisions.conflicts import Conflict
from processing.logic.revisions.rows import NO_LOGIC, UnknownRevision
from processing.models import LogicActivation, LogicRevision

MAX_ACTIVATIONS = 20  # shown of a revision
COUNTED = ("applied", "rejected", "dropped", "unknown", "missed", "errors")


class ActivationForm(forms.Form):
    """Why a revision is made current, and which one is as far as the person knows."""

    reason = forms.CharField(required=False, max_length=access.MAX_REASON, widget=AdminTextInputWidget)
    expected = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)


class LogicRevisionAdmin(ReadOnlyAdmin):
    """Revisions are never changed in place: a change makes the next one."""

    list_display = ["revision", "state", "created_at", "created_by", "parts", "reason"]
    ordering = ["-number"]
    sortable_by = ["revision"]
    change_list_template = "admin/processing/logic/change_list.html"
    change_form_template = "admin/processing/logic/change_form.html"
    fieldsets = [
        (None, {"fields": ["state", "created_at", "created_by", "reason", "activations"]}),
        ("Rules, in order", {"fields": ["rules"]}),
        ("Beside them", {"fields": ["schemas", "tables", "units"]}),
        ("Changes", {"fields": ["from_base", "to_current"]}),
    ]
    readonly_fields = ["state", "activations", "rules", "schemas", "tables", "units", "from_base", "to_current"]

    def get_urls(self) -> list[URLPattern]:
        inside = self.admin_site.admin_view
        name = "processing_logicrevision"
        return [
            path("example/", inside(rule_pages.choose_rule), name=f"{name}_example"),
            path("<int:number>/activate/", inside(require_POST(self.activate)), name=f"{name}_activate"),
            path("<int:number>/history/", inside(require_POST(history.start)), name=f"{name}_history"),
            path("<int:number>/rule/", inside(rule_pages.rule_page), name=f"{name}_rule"),
            path("<int:number>/rule/check/", inside(require_POST(rule_pages.check_rule)), name=f"{name}_check"),
            path("<int:number>/rule/delete/", inside(require_POST(rule_pages.delete_rule)), name=f"{name}_delete_rule"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        now = shapes.current_number()
        shown = {
            "current": now,
            "may_change": access.may_change(request),
            "form": ActivationForm(initial={"expected": now}),
            "history": HistoryForm(),
        }
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        now = shapes.current_number()
        tools = {
            "current": now,
            "may_change": access.may_change(request),
            "activation": ActivationForm(initial={"expected": now}),
            "history": HistoryForm(),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **tools})

    def activate(self, request: HttpRequest, number: int) -> HttpResponse:
        """Make a revision current; 0: no logic."""
        access.require_permission(request)
        form = ActivationForm(request.POST)
        given = form.cleaned_data if form.is_valid() else {"reason": "", "expected": None}
        try:
            saving.activate(number, who=access.who(request), **given)
        except UnknownRevision as error:
            raise Http404 from error
        except (Conflict, InvalidLogic) as error:
            self.message_user(request, f"Nothing was changed: {error}", messages.ERROR)
        else:
            self.message_user(request, f"Revision {number} is current; consumers follow within two seconds.")
        return HttpResponseRedirect(history.page_of(number))

    @staticmethod
    def _content(row: LogicRevision) -> Content:
        return msgspec.convert(row.content, Content)

    @admin.display(ordering="number")
    def revision(self, row: LogicRevision) -> SafeString:
        return formatting.link("logicrevision", str(row.number), str(row.number))

    def state(self, row: LogicRevision) -> str:
        if row.number == shapes.current_number():
            return "current"
        return "earlier" if LogicActivation.objects.filter(revision=row.number).exists() else "draft"

    def parts(self, row: LogicRevision) -> str:
        shape = shapes.revision(row)
        counts = {"rule": shape["rules"], "schema": shape["schemas"], "table": shape["tables"]}
        return ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items())

    def activations(self, row: LogicRevision) -> SafeString | str:
        found = LogicActivation.objects.filter(revision=row.number)[:MAX_ACTIVATIONS]
        cells = [(formatting.rfc3339(one.at), one.who, one.reason) for one in found]
        return formatting.table(("made current", "by", "why"), cells) if cells else "never made current"

    def rules(self, row: LogicRevision) -> SafeString | str:
        content = self._content(row)
        counts = {each["name"]: each for each in shapes.current()["counts"] if each["kind"] == "rule"}
        titles = ("", "rule", "for", "when", "actions", "in the last 24 h")
        cells = [
            (index, *_rule_cells(row.number, rule), _counted(counts.get(rule.name)))
            for index, rule in enumerate(content.rules, start=1)
        ]
        return formatting.table(titles, cells) if cells else "none"

    def schemas(self, row: LogicRevision) -> SafeString | str:
        cells = [
            (use.name, use.version, ", ".join(use.sources), use.mode, use.check) for use in self._content(row).schemas
        ]
        return formatting.table(("schema", "version", "sources", "mode", "checked"), cells) if cells else "none"

    def tables(self, row: LogicRevision) -> SafeString | str:
        cells = sorted(self._content(row).tables.items())
        return formatting.table(("lookup table", "version"), cells) if cells else "none"

    def units(self, row: LogicRevision) -> SafeString | str:
        cells = [(unit.sources, unit.field, unit.unit) for unit in self._content(row).units]
        return formatting.table(("sources", "field", "unit"), cells) if cells else "none"

    @admin.display(description="to the one that was changed")
    def from_base(self, row: LogicRevision) -> SafeString | str:
        return _difference(row.base or NO_LOGIC, row.number)

    @admin.display(description="from here to the current one")
    def to_current(self, row: LogicRevision) -> SafeString | str:
        return _difference(row.number, shapes.current_number())


def _rule_cells(number: int, rule: RuleContent) -> Iterator[SafeString | str]:
    address = reverse("admin:processing_logicrevision_rule", args=[number])
    yield format_html('<a href="{}?{}">{}</a>', address, urlencode({"name": rule.name}), rule.name)
    labels = [f"{name}={value}" for name, value in rule.labels.items()]
    yield ", ".join([*rule.sources, *labels]) or "every source"
    yield rule.when or "always"
    yield "; ".join(rule.actions) if rule.enabled else "disabled"


def _counted(counts: RuleCounts | None) -> str:
    """Return what a rule did, but for what it never did."""
    if counts is None:
        return ""
    found: list[tuple[str, int]] = [(name, counts[name]) for name in COUNTED]  # type: ignore[literal-required]
    return ", ".join(f"{count:,} {name}" for name, count in found if count)


def _difference(before: int, after: int) -> SafeString | str:
    text = shapes.difference(before, after)["text"]
    return formatting.diff(map(_sign_first, text.splitlines())) if text else "nothing"


def _sign_first(line: str) -> str:
    """Return a line of a difference with its sign in front of its indent."""
    indent = len(line) - len(line.lstrip(" "))
    return line[indent : indent + 1] + " " * indent + line[indent + 1 :]
