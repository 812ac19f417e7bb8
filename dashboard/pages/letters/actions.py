"""What an operator does with dead letters: each is a POST, and all but a check make a job."""

from __future__ import annotations

from datetime import UTC, datetime

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from dashboard.frame.page import action
from dashboard.pages.letters import chosen as chosen_letters
from dashboard.pages.letters import one, step_forms, views
from dashboard.pages.letters.chosen import Chosen
from dashboard.pages.letters.views import PERMISSION
from ingestion.auth.read_scope import ReadScope
from ingestion.events import timestamps
from ingestion.events.model import InvalidEvent
from ingestion.problems import in_words
from processing.dead_letters import redrive
from processing.dead_letters.closing import discard, reopen
from processing.dead_letters.mending.steps import InvalidMend, Mend
from processing.dead_letters.redrive import NotRedrivable
from processing.models import DeadLetter, Job
from queries.dead_letters import listing
from queries.dead_letters.listing import DeadLetterNotFound
from queries.reads import postgres
from queries.request.query_params import InvalidParameter

MAX_NUMBER = 2**63 - 1


class RedriveForm(forms.Form):
    """How to send letters. Those that arrived after they were counted are not included."""

    up_to = forms.IntegerField(min_value=0, max_value=MAX_NUMBER, required=False)
    rate = forms.IntegerField(min_value=1, max_value=redrive.MAX_RATE, required=False)
    note = forms.CharField(required=False, max_length=1_000)
    mend = forms.CharField(required=False, max_length=step_forms.MAX_JSON)


class ReasonForm(forms.Form):
    """Why letters are discarded."""

    up_to = forms.IntegerField(min_value=0, max_value=MAX_NUMBER, required=False)
    note = forms.CharField(max_length=1_000, error_messages={"required": "A reason is required."})


class NoteForm(forms.Form):
    """A note for the history."""

    up_to = forms.IntegerField(min_value=0, max_value=MAX_NUMBER, required=False)
    note = forms.CharField(required=False, max_length=1_000)


class EditForm(forms.Form):
    """The event that is sent instead."""

    event = forms.CharField(strip=False)
    note = forms.CharField(required=False, max_length=1_000)


@action(PERMISSION)
def start_redrive(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """Redrive the chosen letters, as they came or mended."""
    chosen, form = _chosen(request, scope), RedriveForm(request.POST)
    if not form.is_valid():
        return _back(request, "letters-redrive", form)
    given = form.cleaned_data
    mend = _mend(given.pop("mend"))
    with postgres.bounded():
        return _to_job(redrive.request(chosen.selection, who=_who(request), mend=mend, **given))


@action(PERMISSION)
def start_discard(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """Discard the chosen letters for a reason."""
    chosen, form = _chosen(request, scope), ReasonForm(request.POST)
    if not form.is_valid():
        return _back(request, "letters-discard", form)
    with postgres.bounded():
        return _to_job(discard.request(chosen.selection, who=_who(request), **form.cleaned_data))


@action(PERMISSION)
def start_reopen(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """Reopen the chosen letters of those that were discarded."""
    chosen, form = _chosen(request, scope), NoteForm(request.POST)
    if not form.is_valid():
        return _back(request, "letters-reopen", form)
    with postgres.bounded():
        return _to_job(reopen.request(chosen.selection, who=_who(request), **form.cleaned_data))


@action(PERMISSION)
def send_edited(request: HttpRequest, scope: ReadScope, number: int) -> HttpResponse:
    """Send one letter with other content; the page shows what is wrong with it."""
    row, form = _letter(request, scope, number), EditForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            with postgres.bounded():
                job = redrive.request_edited(
                    row, given["event"].encode(), who=_who(request), now=timestamps.now(), note=given["note"]
                )
            return _to_job(job)
        except InvalidEvent as error:
            messages.error(request, f"Not sent. {in_words(error.code)}: {error.detail}.")
        except NotRedrivable:
            messages.error(request, f"Not sent: letter {number} is {row.state} by now.")
    return _with_check(request, scope, row)


@action(PERMISSION)
def try_edited(request: HttpRequest, scope: ReadScope, number: int) -> HttpResponse:
    """Show what would become of an edited event; nothing is sent."""
    return _with_check(request, scope, _letter(request, scope, number))


@action(PERMISSION)
def check_edited(request: HttpRequest, scope: ReadScope, number: int) -> HttpResponse:
    """Return what would become of an edited event as JSON, for the page's script."""
    return JsonResponse(one.checked(_letter(request, scope, number), request.POST.get("event", "").encode()))


def _with_check(request: HttpRequest, scope: ReadScope, row: DeadLetter) -> HttpResponse:
    text = request.POST.get("event", "").replace("\r\n", "\n")
    checked = one.checked(row, text.encode(errors="replace"))
    _, data = one.shown(row.pk, scope=scope)
    extra = views.edited(request, scope, row, text, checked=checked)
    frame = {"here": "dead-letters", "now": datetime.now(tz=UTC), "note": request.POST.get("note", "")}
    return render(request, "dashboard/letters/letter.html", {"letter": data, **extra, **frame})


def _letter(request: HttpRequest, scope: ReadScope, number: int) -> DeadLetter:
    views.require_all_sources(request, scope)
    try:
        return listing.find(views.known_number(number), scope=scope)
    except DeadLetterNotFound as error:
        raise Http404("There is no dead letter of this number that you may see.") from error


def _chosen(request: HttpRequest, scope: ReadScope) -> Chosen:
    views.require_all_sources(request, scope)
    try:
        return chosen_letters.from_parameters(chosen_letters.parameters_of(request.GET), scope=scope)
    except InvalidParameter as error:
        raise Http404(error.detail) from error


def _mend(text: str) -> Mend | None:
    try:
        return step_forms.from_text(text)
    except InvalidMend as error:
        raise Http404(str(error)) from error


def _back(request: HttpRequest, name: str, form: forms.Form) -> HttpResponse:
    for field, faults in form.errors.items():
        messages.error(request, f"{'' if field == 'note' else field + ': '}{' '.join(map(str, faults))}")
    answer = redirect(name)
    answer["Location"] += f"?{request.GET.urlencode()}"
    return answer


def _to_job(job: Job) -> HttpResponse:
    return redirect("job", job.pk)


def _who(request: HttpRequest) -> str:
    return request.user.get_username()
