"""The form that tries a revision on stored events, or takes them through it again: on its page, and in the list for revision 0."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.contrib import messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from ingestion.events import timestamps
from processing.admin import formatting
from processing.admin.logic import access
from processing.logic.history import InvalidHistory
from processing.logic.revisions.rows import NO_LOGIC
from processing.models import Job
from processing.replays import request as replays
from processing.replays.request import ReplayRequest
from processing.trials import request as trials
from processing.trials.request import TrialRequest

TRY, COUNT, REPLAY = "try", "count", "replay"


class HistoryForm(forms.Form):
    """Which events, and what is done with them."""

    sources = forms.CharField(
        required=False, widget=AdminTextInputWidget, help_text="Ids or patterns, separated by blanks. Empty: all."
    )
    since = forms.CharField(
        required=False,
        label="from",
        widget=AdminTextInputWidget,
        help_text="Event time: a date, or a time with its zone. Empty: all.",
    )
    until = forms.CharField(required=False, label="to", widget=AdminTextInputWidget, help_text="Not included.")
    action = forms.ChoiceField(
        choices=[
            (TRY, "try: judge them and compare with the current revision; nothing is written"),
            (COUNT, "replay, dry run: count which rows would appear, vanish and change"),
            (REPLAY, "replay: rewrite the rows of these events, and their rollups"),
        ]
    )

    def clean_since(self) -> datetime | None:
        """Parse the beginning."""
        return _time(self.cleaned_data["since"])

    def clean_until(self) -> datetime | None:
        """Parse the end."""
        return _time(self.cleaned_data["until"])

    def request(self, revision: int, *, who: str) -> Job:
        """Create the job that a valid form asks for.

        :raises InvalidHistory: it can't be done
        """
        given = self.cleaned_data
        sources, since, until = tuple(given["sources"].split()), given["since"], given["until"]
        if given["action"] == TRY:
            return trials.request(TrialRequest(revision, sources, since, until), who=who)
        dry_run = given["action"] == COUNT
        return replays.request(ReplayRequest(revision, sources, since, until, dry_run=dry_run), who=who)


def start(request: HttpRequest, number: int) -> HttpResponse:
    """Create the job, and show its page; or say what is wrong."""
    access.require_permission(request)
    form = HistoryForm(request.POST)
    try:
        if form.is_valid():
            job = form.request(number, who=access.who(request))
            return HttpResponseRedirect(formatting.change_url("job", str(job.pk)))
        wrong = "; ".join(f"{name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items())
    except InvalidHistory as error:
        wrong = str(error)
    messages.error(request, f"Nothing was started: {wrong}")
    return HttpResponseRedirect(page_of(number))


def page_of(number: int) -> str:
    """Return the address of the page about a revision; no logic has none but the list."""
    if number == NO_LOGIC:
        return reverse("admin:processing_logicrevision_changelist")
    return formatting.change_url("logicrevision", str(number))


def _time(text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        return timestamps.parse_date_or_time(text.strip())
    except ValueError as error:
        raise ValidationError("expected a date, or a time with its zone: 2026-03-01T12:00:00Z") from error
