"""The page of one rule: change it, check and try it while one types, delete it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from dashboard.frame.page import Shown, may
from dashboard.pages.logic import addresses, editing, rule_draft
from dashboard.pages.logic.editing import logic_action, logic_page
from dashboard.pages.logic.rule_draft import FUNCTION_NAMES, RuleDraft, Told
from dashboard.pages.logic.rule_form import RuleForm, examples_text
from ingestion.auth.read_scope import ReadScope
from processing.logic import edits
from processing.logic.faults import InvalidLogic
from processing.logic.history import InvalidHistory
from processing.logic.revisions import saving
from processing.logic.revisions.conflicts import Conflict
from processing.models import LogicRevision
from processing.trials import request as trials
from processing.trials.request import TrialRequest
from queries.logic.revisions import SAVE_SECONDS
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.rule_trials.event_examples import NoExample

PARAMETERS = ("revision", "event", "try", "events_of")
PROPOSED = ("sources", "when", "actions", "note", "place")  # parameters of the address of a new rule
EXPECT = "expect"  # a button: what comes out of the examples now is what is expected of them
DRAFT, ACTIVATE, HISTORY = "draft", "activate", "history"  # what a button of the form saves for; else the rule is tried


@logic_page("rule", part="rules", parameters=PARAMETERS)
def rule_page(request: HttpRequest, scope: ReadScope, rule: str) -> Shown:
    """A rule of the current logic or of `?revision=`. `?event=` adds a stored event to its examples; `?try=1` tries it."""
    return _page(request, scope, rule)


@logic_page("rule", part="rules", parameters=(*PARAMETERS, "name", *PROPOSED))
def new_rule(request: HttpRequest, scope: ReadScope) -> Shown:
    """A new rule, or the one that `?name=` names; `?event=` makes a stored event its first example.

    `?sources=`, `?when=`, `?actions=` and `?note=` fill the form in.
    """
    return _page(request, scope, request.GET.get("name", ""))


@logic_action
def save_rule(request: HttpRequest, scope: ReadScope, rule: str) -> HttpResponse:
    """Try what was typed, save it as a draft, try that on history, or make it current, as the button says."""
    return _submitted(request, scope, rule)


@logic_action
def save_new_rule(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """Save a new rule; see `save_rule`."""
    return _submitted(request, scope, request.GET.get("name", ""))


@logic_action
def delete_rule(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """Save a draft without a rule."""
    name = request.POST.get("name", "")
    draft = rule_draft.open_rule(addresses.number(request.POST.get("base", "")), name)
    try:
        with postgres.bounded(SAVE_SECONDS):
            content = edits.without_rule(draft.content, name)
            saved = saving.save(content, base=draft.base, who=editing.who(request), reason=f"rule {name} deleted")
    except (InvalidLogic, Conflict) as error:
        messages.error(request, f"Nothing was changed: {error}")
        return HttpResponseRedirect(addresses.rule(name))
    messages.success(request, f"Revision {saved.number} is a draft without the rule {name}.")
    return HttpResponseRedirect(addresses.revision(saved.number))


def _page(request: HttpRequest, scope: ReadScope, name: str) -> Shown:
    draft = rule_draft.open_rule(addresses.asked(request.GET, "revision"), name)
    initial = RuleForm.initial_of(draft.rule, place=draft.place)
    initial |= {"base": draft.base, "events_of": request.GET.get("events_of", "")}
    if not name:
        initial |= _proposed(request)
    if request.GET.get("event") and may(request.user, editing.PERMISSION):
        initial["examples"] = _with_example(request, scope, draft)
    form, told = RuleForm(initial=initial), Told()
    if request.GET.get("try"):
        form = RuleForm(initial)
        if form.is_valid():
            told = rule_draft.tried(draft, form, scope=scope, raw=may(request.user, editing.RAW))
    data = {"revision": draft.base, "isNew": not name, "place": draft.place, "rule": draft.rule, "trial": told.trial}
    return Shown(data, _shown(request, scope, draft, form, told))


def _proposed(request: HttpRequest) -> dict[str, object]:
    """Return what an address proposes for a new rule: parts of its form, and the source of the event that it is made of."""
    source = request.GET.get("event", "").rpartition("/")[0]
    given = {name: request.GET[name] for name in PROPOSED if name in request.GET}
    return {**({"sources": source} if source else {}), **given}


def _with_example(request: HttpRequest, scope: ReadScope, draft: RuleDraft) -> str:
    """Return the rule's examples and the event that the address names, as text; say so if it can't be made one."""
    examples = draft.rule.examples
    if not may(request.user, editing.RAW):
        messages.error(request, "An example has what was sent, and you may not read raw documents.")
        return examples_text(examples)
    try:
        examples = [*examples, rule_draft.example_of(request.GET["event"], draft, scope=scope)]
    except NoExample as error:
        messages.error(request, str(error))
    return examples_text(examples)


def _submitted(request: HttpRequest, scope: ReadScope, name: str) -> HttpResponse:
    form = RuleForm(request.POST)
    draft = rule_draft.open_rule(addresses.number(request.POST.get("base", "")), name, may_be_gone=True)
    is_trial = {DRAFT, ACTIVATE, HISTORY}.isdisjoint(request.POST)
    if not form.is_valid():
        return _answer(request, scope, draft, form, Told(), status=200 if is_trial else 422)
    if EXPECT in request.POST:
        form = _expecting(request, draft, form)
    if is_trial:
        told = rule_draft.tried(draft, form, scope=scope, raw=may(request.user, editing.RAW))
        return _answer(request, scope, draft, form, told)
    content, index = draft.with_typed(form)
    try:
        with postgres.bounded(SAVE_SECONDS):
            saved = saving.save(
                content, base=draft.base, who=editing.who(request), reason=form.cleaned_data["reason"],
                activate=ACTIVATE in request.POST, allow_unmatched=form.cleaned_data["allow_unmatched"],
            )  # fmt: skip
            return _saved(request, form, saved)
    except InvalidLogic as error:
        rule_draft.add_faults(form, error, index)
        return _answer(request, scope, draft, form, Told(), status=422)
    except Conflict as conflict:
        return _conflict(request, scope, draft, conflict)
    except ReadUnavailable:
        form.add_error(None, editing.AWAY)
        return _answer(request, scope, draft, form, Told(), status=503)


def _expecting(request: HttpRequest, draft: RuleDraft, form: RuleForm) -> RuleForm:
    """Return the form with what comes out of its examples as what is expected of them."""
    try:
        examples = rule_draft.expected(draft, form)
    except InvalidLogic:
        # The trial shows what is wrong.
        return form
    data = request.POST.copy()
    data["examples"] = examples_text(examples)
    changed = RuleForm(data)
    return changed if changed.is_valid() else form


def _saved(request: HttpRequest, form: RuleForm, saved: LogicRevision) -> HttpResponse:
    """Go on to where the button leads: the list, the draft, or its trial."""
    if ACTIVATE in request.POST:
        messages.success(request, f"Revision {saved.number} is current; consumers follow within two seconds.")
        return HttpResponseRedirect(addresses.with_query(reverse("logic"), {"moved": form.cleaned_data["name"]}))
    messages.success(request, f"Revision {saved.number} is saved as a draft.")
    if HISTORY in request.POST:
        try:
            job = trials.request(TrialRequest(saved.number, tuple(form.rule().sources)), who=editing.who(request))
        except InvalidHistory as error:
            messages.error(request, f"It was not tried: {error}.")
        else:
            return HttpResponseRedirect(addresses.job(job.pk))
    return HttpResponseRedirect(addresses.revision(saved.number))


def _conflict(request: HttpRequest, scope: ReadScope, draft: RuleDraft, conflict: Conflict) -> HttpResponse:
    """Show what was typed again, now on the revision that somebody else made meanwhile."""
    data = request.POST.copy()
    data["base"] = str(conflict.number)
    form = RuleForm(data)
    changed = editing.add_conflict(form, conflict)
    latest = rule_draft.open_rule(conflict.number, draft.name, may_be_gone=True)
    if draft.name and not latest.name:
        form.add_error(None, f"The rule {draft.name} is gone there; saving makes it anew.")
    return _answer(request, scope, latest, form, Told(changed=changed), status=409)


def _answer(
    request: HttpRequest, scope: ReadScope, draft: RuleDraft, form: RuleForm, told: Told, *, status: int = 200
) -> HttpResponse:
    return editing.answer(request, "rule", _shown(request, scope, draft, form, told), part="rules", status=status)


def _shown(request: HttpRequest, scope: ReadScope, draft: RuleDraft, form: RuleForm, told: Told) -> dict[str, object]:
    fields = rule_draft.fields_of(draft, form, scope=scope)
    event = request.GET.get("event", "")
    others = [addresses.rule(each.name) for each in draft.content.rules]
    return {
        "revision": draft.base,
        "rule": draft.rule,
        "place": draft.place,
        "isNew": not draft.name,
        "trial": told.trial,
        "problem": told.problem,
        "changed": told.changed,
        "form": form,
        "fields": fields,
        "words": rule_draft.completions(fields),
        "functions": FUNCTION_NAMES,
        "address": addresses.rule(draft.name) if draft.name else reverse("logic-rule-new"),
        "raw": may(request.user, editing.RAW),
        "may_change": may(request.user, editing.PERMISSION),
        "event": event,
        "others": list(zip((each.name for each in draft.content.rules), others, strict=True)) if event else [],
    }
