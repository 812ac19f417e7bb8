"""The pages of lookup tables: upload a CSV file, look at the versions, use one."""

from __future__ import annotations

import csv
from itertools import islice

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from dashboard.frame.page import Shown, may
from dashboard.pages.logic import addresses, editing
from dashboard.pages.logic.editing import logic_action, logic_page
from ingestion.auth.read_scope import ReadScope
from ingestion.problems import RequestRejected
from processing.logic import edits
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import shapes
from processing.logic.presentation.shapes import TableText
from processing.logic.revisions import saving, versions
from processing.logic.tables.lookup_table import LookupTable
from processing.models import LookupTableVersion
from queries.logic import parts
from queries.logic.revisions import SAVE_SECONDS
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.request.query_params import InvalidParameter

MAX_SHOWN = 100  # rows
TYPES = "COLUMN=TYPE, one a line: text, number or boolean. Types that are not given follow from the cells."
FIELDS = {"/file": "file", "/name": "name"}  # by the beginning of a pointer


class UploadForm(forms.Form):
    """A CSV file and what it is called."""

    name = forms.CharField(max_length=64, help_text='As rules call it: lookup("stations", id, "name").')
    file = forms.FileField(help_text="CSV in UTF-8; the first line names the columns. At most 100,000 rows.")
    key = forms.CharField(max_length=128, help_text="The column that lookup searches.")
    types = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}), help_text=TYPES
    )
    activate = forms.BooleanField(
        required=False, initial=True, label="Use it at once", help_text="In a revision that is made current."
    )
    reason = forms.CharField(required=False, max_length=editing.MAX_REASON, help_text="Why it is changed.")

    def clean_types(self) -> dict[str, str]:
        """Parse the types."""
        pairs = [line.rpartition("=") for line in self.cleaned_data["types"].splitlines() if line.strip()]
        if not all(equals for _, equals, _ in pairs):
            raise ValidationError("Expected COLUMN=TYPE, one a line.")
        return {column.strip(): kind.strip() for column, _, kind in pairs}


@logic_page("tables", part="tables", parameters=parts.LIST_PARAMETERS)
def tables(request: HttpRequest, scope: ReadScope) -> Shown:
    """Versions of lookup tables, newest first; `?cursor=` chooses the page."""
    try:
        page = parts.tables(editing.only(request, parts.LIST_PARAMETERS), scope=scope)
        used = _used()
    except InvalidParameter as error:
        raise Http404(error.detail) from error
    rows = [{**row, "inUse": used.get(row["name"]) == row["version"]} for row in page.results]
    links = [
        (row, addresses.table(found["name"], found["version"])) for row, found in zip(rows, page.results, strict=True)
    ]
    return Shown({"tables": rows, "next": page.next, "previous": page.previous}, {"rows": links})


@logic_page("table", part="tables", parameters=parts.PARAMETERS)
def table(request: HttpRequest, scope: ReadScope, part: str) -> Shown:
    """One lookup table; `?version=` chooses the version, else it is the newest."""
    return _page(request, scope, part)


@logic_page("table", part="tables", parameters=(*parts.PARAMETERS, "name"))
def new_table(request: HttpRequest, scope: ReadScope) -> Shown:
    """The form of a new table, or the table that `?name=` names."""
    return _page(request, scope, request.GET.get("name", ""))


@logic_action
def upload(request: HttpRequest, scope: ReadScope, part: str = "") -> HttpResponse:
    """Save the file as a version if it is none yet, and use it if asked to."""
    form, status = UploadForm(request.POST, request.FILES), 422
    if form.is_valid():
        try:
            with postgres.bounded(SAVE_SECONDS):
                row = _save(form, who=editing.who(request))
        except InvalidLogic as error:
            editing.add_faults(form, error.faults, FIELDS)
        except ReadUnavailable:
            form.add_error(None, editing.AWAY)
            status = 503
        else:
            messages.success(request, f"{row.name} {row.version} has {row.rows:,} rows.")
            return HttpResponseRedirect(addresses.table(row.name, row.version))
    shown = {"form": form, "isNew": not part, "address": request.path, "may_change": True}
    return editing.answer(request, "table", shown, part="tables", status=status)


@logic_action
def use(request: HttpRequest, scope: ReadScope, part: str) -> HttpResponse:
    """Use a version of a table in a revision that is made current; version 0: none."""
    version = addresses.number(request.POST.get("version", "")) or 0
    reason = f"lookup table {part} {version}" if version else f"lookup table {part} no longer used"
    try:
        with postgres.bounded(SAVE_SECONDS):
            number = saving.change(
                lambda content: edits.with_table(content, part, version) if version else edits.without_table(content, part),
                who=editing.who(request), reason=reason, allow_unmatched=True,
            )  # fmt: skip
    except InvalidLogic as error:
        messages.error(request, f"Nothing was changed: {error}")
        return HttpResponseRedirect(addresses.table(part))
    messages.success(request, f"Revision {number} is current: {reason}.")
    return HttpResponseRedirect(addresses.table(part, version or None))


def _page(request: HttpRequest, scope: ReadScope, name: str) -> Shown:
    found = _found(request, scope, name) if name else None
    rows = islice(csv.reader(found["csv"].splitlines()), 1, MAX_SHOWN + 1) if found else ()
    types = "\n".join(f"{column['name']}={column['type']}" for column in found["columns"]) if found else ""
    initial = {"name": found["name"], "key": found["key"], "types": types} if found else {}
    data = {
        "table": found,
        "inUse": bool(found) and _used().get(name) == (found and found["version"]),
        "isNew": not name,
    }
    extra = {
        "form": UploadForm(initial=initial),
        "rows": list(rows),
        "most": MAX_SHOWN,
        "address": addresses.table(name) if name else reverse("logic-table-new"),
        "may_change": may(request.user, editing.PERMISSION),
    }
    return Shown(data, extra)


def _found(request: HttpRequest, scope: ReadScope, name: str) -> TableText:
    try:
        return parts.table(name, editing.only(request, parts.PARAMETERS), scope=scope)
    except (RequestRejected, InvalidParameter) as error:
        raise Http404(error.detail) from error


def _used() -> dict[str, int]:
    with postgres.bounded():
        return shapes.current()["content"].tables


def _save(form: UploadForm, *, who: str) -> LookupTableVersion:
    given = form.cleaned_data
    found = LookupTable.from_csv(given["file"].read(), given["key"], given["types"], pointer="/file")
    row = versions.save_table(given["name"], found, who=who)
    if given["activate"]:
        saving.change(
            lambda content: edits.with_table(content, row.name, row.version),
            who=who, reason=given["reason"] or f"lookup table {row.name} {row.version}",
        )  # fmt: skip
    return row
