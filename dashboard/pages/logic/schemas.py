"""The pages of schemas: write one, or take the one that the last events of a source propose; use it."""

from __future__ import annotations

import json

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
from processing.logic.content import SchemaContent
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import shapes
from processing.logic.presentation.shapes import SchemaDocument
from processing.logic.revisions import saving, versions
from queries.logic import inference, parts
from queries.logic.inference import ProposedSchema, SchemaProposal
from queries.logic.revisions import SAVE_SECONDS
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.request.query_params import InvalidParameter

MODES = [("warn", "warn: tag and count"), ("enforce", "enforce: dead letters"), ("off", "off")]
CHECKS = [("before", "before the rules: what was sent"), ("after", "after the rules: what becomes the row")]
FIELDS = {"/document": "document", "/name": "name"}  # by the beginning of a pointer


class SchemaForm(forms.Form):
    """A schema and how it is used."""

    name = forms.CharField(max_length=64)
    document = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 20, "spellcheck": "false"}),
        help_text="JSON Schema 2020-12 of the payload. Another document becomes the next version.",
    )
    sources = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="Ids, or patterns such as plant-*, one a line.",
    )
    mode = forms.ChoiceField(choices=MODES, help_text="What happens to events that violate it.")
    check = forms.ChoiceField(choices=CHECKS, label="Checked")
    activate = forms.BooleanField(
        required=False, label="Use it at once", help_text="In a revision that is made current; otherwise in a draft."
    )
    reason = forms.CharField(required=False, max_length=editing.MAX_REASON, help_text="Why it is changed.")

    def clean_document(self) -> object:
        """Parse the document."""
        try:
            return json.loads(self.cleaned_data["document"])
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValidationError(f"This is not JSON: {error}.") from error


@logic_page("schemas", part="schemas", parameters=parts.LIST_PARAMETERS)
def schemas(request: HttpRequest, scope: ReadScope) -> Shown:
    """Versions of schemas, newest first, with how each is used; `?cursor=` chooses the page."""
    try:
        page = parts.schemas(editing.only(request, parts.LIST_PARAMETERS), scope=scope)
        uses = _uses()
    except InvalidParameter as error:
        raise Http404(error.detail) from error
    rows = [{**row, "use": uses.get((row["name"], row["version"]))} for row in page.results]
    links = [
        (row, addresses.schema(found["name"], found["version"])) for row, found in zip(rows, page.results, strict=True)
    ]
    return Shown({"schemas": rows, "next": page.next, "previous": page.previous}, {"rows": links})


@logic_page("schema", part="schemas", parameters=(*parts.PARAMETERS, "infer"))
def schema(request: HttpRequest, scope: ReadScope, part: str) -> Shown:
    """One schema; `?version=` chooses the version, else it is the newest."""
    return _page(request, scope, part)


@logic_page("schema", part="schemas", parameters=(*parts.PARAMETERS, "name", "infer"))
def new_schema(request: HttpRequest, scope: ReadScope) -> Shown:
    """A new schema, or the one that `?name=` names; `?infer=` proposes one from the last events of a source."""
    return _page(request, scope, request.GET.get("name", ""))


@logic_action
def save_schema(request: HttpRequest, scope: ReadScope, part: str = "") -> HttpResponse:
    """Save the document as a version if it is none yet, and a revision that uses it."""
    form, status = SchemaForm(request.POST), 422
    if form.is_valid():
        try:
            with postgres.bounded(SAVE_SECONDS):
                number, version = _save(form, who=editing.who(request))
        except InvalidLogic as error:
            editing.add_faults(form, error.faults, FIELDS)
        except ReadUnavailable:
            form.add_error(None, editing.AWAY)
            status = 503
        else:
            used = form.cleaned_data["activate"]
            messages.success(
                request, f"Revision {number} {'is current and ' if used else 'is a draft that '}uses version {version}."
            )
            address = addresses.schema(form.cleaned_data["name"], version) if used else addresses.revision(number)
            return HttpResponseRedirect(address)
    shown = {"form": form, "isNew": not part, "address": request.path, "may_change": True}
    return editing.answer(request, "schema", shown, part="schemas", status=status)


@logic_action
def stop(request: HttpRequest, scope: ReadScope, part: str) -> HttpResponse:
    """No longer use a schema, in a revision that is made current."""
    try:
        with postgres.bounded(SAVE_SECONDS):
            number = saving.change(
                lambda content: edits.without_schema(content, part),
                who=editing.who(request), reason=f"schema {part} no longer used", allow_unmatched=True,
            )  # fmt: skip
    except InvalidLogic as error:
        messages.error(request, f"Nothing was changed: {error}")
    else:
        messages.success(request, f"Revision {number} is current: the schema {part} is no longer used.")
    return HttpResponseRedirect(addresses.schema(part))


def _page(request: HttpRequest, scope: ReadScope, name: str) -> Shown:
    may_change = may(request.user, editing.PERMISSION)
    found = _found(request, scope, name) if name else None
    use = _uses().get((found["name"], found["version"])) if found else None
    initial = _initial(found, use)
    proposal = _proposal(request, scope) if may_change else None
    if proposal is not None:
        initial |= {"document": _text(proposal["schema"]), "sources": initial.get("sources") or proposal["sourceId"]}
    data = {"schema": found, "use": use, "proposal": proposal, "isNew": not name}
    extra = {
        "form": SchemaForm(initial=initial),
        "text": _text(found["document"]) if found else "",
        "infer": request.GET.get("infer", ""),
        "address": addresses.schema(name) if name else reverse("logic-schema-new"),
        "may_change": may_change,
    }
    return Shown(data, extra)


def _found(request: HttpRequest, scope: ReadScope, name: str) -> SchemaDocument:
    try:
        return parts.schema(name, editing.only(request, parts.PARAMETERS), scope=scope)
    except (RequestRejected, InvalidParameter) as error:
        raise Http404(error.detail) from error


def _uses() -> dict[tuple[str, int], SchemaContent]:
    with postgres.bounded():
        return {(use.name, use.version): use for use in shapes.current()["content"].schemas}


def _initial(found: SchemaDocument | None, use: SchemaContent | None) -> dict[str, object]:
    shown: dict[str, object] = {"name": found["name"], "document": _text(found["document"])} if found else {}
    used = {"sources": "\n".join(use.sources), "mode": use.mode, "check": use.check} if use else {}
    return {**shown, **used}


def _proposal(request: HttpRequest, scope: ReadScope) -> ProposedSchema | None:
    source = request.GET.get("infer", "").strip()
    if not source:
        return None
    try:
        return inference.propose(source, SchemaProposal(), scope=scope)
    except RequestRejected as error:
        messages.warning(request, f"No schema is proposed: {error.detail}.")
        return None


def _save(form: SchemaForm, *, who: str) -> tuple[int, int]:
    """Save a valid form; return the numbers of the revision and of the version."""
    given = form.cleaned_data
    row = versions.save_schema(given["name"], given["document"], who=who)
    sources = [line.strip() for line in given["sources"].splitlines() if line.strip()]
    use = SchemaContent(row.name, row.version, sources, given["mode"], given["check"])
    reason = given["reason"] or f"schema {row.name} {row.version}: {use.mode}"
    number = saving.change(
        lambda content: edits.with_schema(content, use), who=who, reason=reason, activate=given["activate"]
    )
    return number, row.version


def _text(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
