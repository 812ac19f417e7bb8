"""The form that tries a revision on stored events, or takes them through it again."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.core.exceptions import ValidationError

from ingestion.events import timestamps
from processing.models import Job
from processing.replays import request as replays
from processing.replays.request import MAX_RATE, ReplayRequest
from processing.trials import request as trials
from processing.trials.request import TrialRequest

TRY, COUNT, REPLAY = "try", "count", "replay"


class HistoryForm(forms.Form):
    """Which events, by which revision, and what is done with them."""

    revision = forms.IntegerField(min_value=0, max_value=2**31 - 1, help_text="0: no logic, as events were sent.")
    sources = forms.CharField(required=False, help_text="Ids or patterns, separated by blanks. Empty: all.")
    since = forms.CharField(
        required=False, label="From", help_text="Event time: a date, or a time with its zone. Empty: all."
    )
    until = forms.CharField(required=False, label="To", help_text="Not included.")
    action = forms.ChoiceField(
        label="What",
        choices=[
            (COUNT, "Plan a replay: count which rows would appear, vanish and change; nothing is written"),
            (TRY, "Try: judge the events and compare with the current revision; nothing is written"),
            (REPLAY, "Replay: rewrite the rows of these events, and their rollups"),
        ],
    )
    rate = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_RATE,
        help_text="Replay at most so many events a second. Empty: as fast as it goes.",
    )
    publish = forms.BooleanField(required=False, label="Publish changed events to processed-data")
    letters = forms.BooleanField(required=False, label="Then redrive the open dead letters that rules and schemas made")

    def clean_since(self) -> datetime | None:
        """Parse the beginning."""
        return _time(self.cleaned_data["since"])

    def clean_until(self) -> datetime | None:
        """Parse the end."""
        return _time(self.cleaned_data["until"])

    def request(self, *, who: str) -> Job:
        """Create the job that a valid form asks for.

        :raises InvalidHistory: it can't be done
        """
        given = self.cleaned_data
        events = (given["revision"], tuple(given["sources"].split()), given["since"], given["until"])
        if given["action"] == TRY:
            return trials.request(TrialRequest(*events), who=who)
        wanted = ReplayRequest(
            *events, dry_run=given["action"] == COUNT, rate=given["rate"], publish=given["publish"],
            letters=given["letters"],
        )  # fmt: skip
        return replays.request(wanted, who=who)


def _time(text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        return timestamps.parse_date_or_time(text.strip())
    except ValueError as error:
        raise ValidationError("expected a date, or a time with its zone: 2026-03-01T12:00:00Z") from error
