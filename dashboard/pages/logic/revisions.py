"""The pages of revisions: list, compare, make current."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from dashboard.frame.page import Shown
from dashboard.pages.logic import addresses, editing
from dashboard.pages.logic.editing import logic_action, logic_page
from dashboard.pages.logic.history_form import HistoryForm
from ingestion.auth.read_scope import ReadScope
from processing.logic.content import EMPTY
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import shapes
from processing.logic.presentation.shapes import RevisionDetail
from processing.logic.revisions import saving
from processing.logic.revisions.conflicts import Conflict
from processing.logic.revisions.rows import NO_LOGIC, UnknownRevision
from queries.logic import revision_states
from queries.logic import revisions as reads
from queries.logic.revisions import SAVE_SECONDS
from queries.reads import postgres
from queries.request.query_params import InvalidParameter


class ActivationForm(forms.Form):
    """Why a revision is made current, and which one is as far as the person knows."""

    reason = forms.CharField(required=False, max_length=editing.MAX_REASON, label="Why")
    expected = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)


@logic_page("revisions", part="revisions", parameters=reads.PARAMETERS)
def revisions(request: HttpRequest, scope: ReadScope) -> Shown:
    """Revisions, newest first; `?cursor=` chooses the page."""
    try:
        page = reads.page(editing.only(request, reads.PARAMETERS), scope=scope)
    except InvalidParameter as error:
        raise Http404(error.detail) from error
    found = revision_states.states([row["number"] for row in page.results], scope=scope)
    rows = [{**row, "state": found[row["number"]]} for row in page.results]
    return Shown({"revisions": rows, "next": page.next, "previous": page.previous})


@logic_page("revision", part="revisions", parameters=("against",))
def revision(request: HttpRequest, scope: ReadScope, number: int) -> Shown:
    """One revision and how it differs from its base and from the current one; `?against=` compares it with another."""
    with postgres.bounded():
        current = shapes.current_number()
        wanted = addresses.asked(request.GET, "against")
        other = current if wanted is None else wanted
        try:
            found = _none() if number == NO_LOGIC else reads.one(number, scope=scope)
            from_base, against = shapes.difference(found["base"], number), shapes.difference(other, number)
        except UnknownRevision as error:
            raise Http404(str(error)) from error
    data = {
        **found,
        "state": revision_states.states([number], scope=scope)[number],
        "currentNumber": current,
        "activations": revision_states.activations(number, scope=scope),
        "fromBase": from_base,
        "against": against,
    }
    extra = {
        "rules": [(rule, addresses.rule(rule.name, number)) for rule in found["content"].rules],
        "base_lines": editing.diff_lines(from_base["changes"]),
        "against_lines": editing.diff_lines(against["changes"]),
        "activation": ActivationForm(initial={"expected": current}),
        "history": HistoryForm(initial={"revision": number}),
    }
    return Shown(data, extra)


@logic_action
def activate(request: HttpRequest, scope: ReadScope, number: int) -> HttpResponse:
    """Make a revision current; 0: no logic."""
    if number > addresses.MAX_NUMBER:
        raise Http404(f"There is no revision {number}.")
    form = ActivationForm(request.POST)
    given = form.cleaned_data if form.is_valid() else {"reason": "", "expected": None}
    try:
        with postgres.bounded(SAVE_SECONDS):
            saving.activate(number, who=editing.who(request), **given)
    except UnknownRevision as error:
        raise Http404(str(error)) from error
    except (Conflict, InvalidLogic) as error:
        messages.error(
            request, f"Nothing was changed: {error}. Compare, and make it current again if that still holds."
        )
    else:
        what = f"Revision {number} is current" if number else "All logic is off"
        messages.success(request, f"{what}; consumers follow within two seconds.")
    return HttpResponseRedirect(addresses.revision(number))


def _none() -> RevisionDetail:
    """Return revision 0, which changes nothing and has no row."""
    return {
        "number": NO_LOGIC, "base": NO_LOGIC, "createdAt": "", "createdBy": "", "reason": "", "current": False,
        "rules": 0, "schemas": 0, "tables": 0, "content": EMPTY,
    }  # fmt: skip
