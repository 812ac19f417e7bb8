"""Redrive, edit and discard dead letters in the admin: a confirmation page, then a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse

from ingestion.events import timestamps
from ingestion.events.model import InvalidEvent
from ingestion.problems import in_words
from processing.admin import formatting, selection
from processing.dead_letters import dry_run, filters, redrive, rendering
from processing.dead_letters.closing import discard
from processing.dead_letters.dry_run import DryRun
from processing.dead_letters.edit import edit_letter
from processing.dead_letters.filters import LetterFilter
from processing.dead_letters.redrive import NotRedrivable
from processing.errors import NeedsOperator, StoreUnavailable
from processing.models import DeadLetter, Job

PERMISSION = "processing.change_deadletter"
MAX_REASONS = 20  # on a confirmation page


class BulkForm(forms.Form):
    """Which letters were counted: those that arrive after the page was shown are not included."""

    up_to = forms.IntegerField(min_value=0, max_value=2**63 - 1, required=False, widget=forms.HiddenInput)

    def counted(self) -> int | None:
        """Return the highest number to include, also of an invalid form."""
        return self.cleaned_data.get("up_to") if self.is_bound else self.initial["up_to"]


class RedriveForm(BulkForm):
    """Options of a redrive."""

    rate = forms.IntegerField(
        min_value=1,
        max_value=redrive.MAX_RATE,
        required=False,
        label="Events per second",
        help_text="Empty: no limit.",
    )
    note = forms.CharField(
        required=False, max_length=1_000, widget=AdminTextInputWidget, help_text="Shown in the history of each letter."
    )


class DiscardForm(BulkForm):
    """The reason of a discard."""

    note = forms.CharField(
        max_length=1_000,
        label="Reason",
        widget=AdminTextInputWidget,
        help_text="Shown in the history of each letter.",
    )


class EditForm(forms.Form):
    """The changed event of a letter."""

    event = forms.CharField(
        strip=False,
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false", "class": "event-text"}),
        help_text="The time of receipt does not change. A conflicting id is replaced unless you change it.",
    )
    note = forms.CharField(
        required=False, max_length=1_000, widget=AdminTextInputWidget, help_text="Shown in the history of the letter."
    )


def may_change(request: HttpRequest) -> bool:
    """Return whether the user may redrive, edit and discard."""
    return request.user.has_perm(PERMISSION)


def redrive_page(request: HttpRequest) -> HttpResponse:
    """Show the confirmation page of a redrive, run a dry run, or enqueue the job."""
    _require_permission(request)
    wanted = selection.selection_from(request.GET)
    form = RedriveForm(request.POST or None, initial={"up_to": filters.newest()})
    outcome = None
    if form.is_valid():
        given = form.cleaned_data
        if "try" not in request.POST:
            return _to_job(redrive.request(wanted, who=_who(request), **given))
        outcome = _run_dry(request, lambda: dry_run.dry_run(wanted, up_to=form.counted()))
    return _ask(request, wanted, form, title="Redrive dead letters", verb="Redrive", outcome=outcome)


def discard_page(request: HttpRequest) -> HttpResponse:
    """Show the confirmation page of a discard, or enqueue the job."""
    _require_permission(request)
    wanted = selection.selection_from(request.GET)
    form = DiscardForm(request.POST or None, initial={"up_to": filters.newest()})
    if form.is_valid():
        return _to_job(discard.request(wanted, who=_who(request), **form.cleaned_data))
    return _ask(request, wanted, form, title="Discard dead letters", verb="Discard")


def edit_page(request: HttpRequest, number: int) -> HttpResponse:
    """Show the event of a letter for editing, run a dry run, or enqueue the job that sends the changed event."""
    _require_permission(request)
    letter = get_object_or_404(DeadLetter.objects.select_related("topic"), pk=number)
    if letter.state not in filters.REDRIVABLE:
        messages.error(request, f"Letter {number} is {letter.state}: there is nothing to edit.")
        return HttpResponseRedirect(formatting.change_url("deadletter", str(number)))
    form = EditForm(request.POST or None, initial={"event": rendering.to_editable_text(letter)})
    outcome = None
    if form.is_valid():
        try:
            if "try" not in request.POST:
                return _to_job(_send_edited(request, letter, form.cleaned_data))
            line = edit_letter(letter, _event(form.cleaned_data), now=_now())
            outcome = _run_dry(request, lambda: dry_run.dry_run_edited(letter, line))
        except InvalidEvent as error:
            form.add_error("event", f"{in_words(error.code)}: {error.detail}")
        except NotRedrivable:
            form.add_error(None, "This letter was sent or discarded in the meantime.")
    context = {"form": form, "letter": letter, "why": in_words(letter.reason), "outcome": outcome}
    return _page(request, "edit", f"Edit and redrive letter {number}", context)


def _send_edited(request: HttpRequest, letter: DeadLetter, given: dict[str, Any]) -> Job:
    return redrive.request_edited(letter, _event(given), who=_who(request), now=_now(), note=given["note"])


def _event(given: dict[str, Any]) -> bytes:
    return str(given["event"]).encode()


def _run_dry(request: HttpRequest, run: Callable[[], DryRun]) -> DryRun | None:
    try:
        return run()
    except (StoreUnavailable, NeedsOperator) as error:
        messages.error(request, f"The dry run failed: {error}")
        return None


def _ask(
    request: HttpRequest,
    wanted: LetterFilter,
    form: BulkForm,
    *,
    title: str,
    verb: str,
    outcome: DryRun | None = None,
) -> HttpResponse:
    up_to = form.counted()
    chosen = wanted.actionable(up_to=up_to)
    total = filters.count(chosen)
    context = {
        "form": form,
        "verb": verb,
        "selection": selection.describe(wanted),
        "total": total,
        "is_least": total == filters.MAX_COUNTED,
        "others": max(0, filters.count(wanted.query(up_to=up_to)) - total),
        "reasons": [(in_words(reason), count) for reason, count in _reasons(chosen)],
        "outcome": outcome,
        "failing": [(in_words(reason), count) for reason, count in outcome.failing.most_common()] if outcome else [],
    }
    return _page(request, "confirm", title, context)


def _reasons(chosen: QuerySet[DeadLetter]) -> list[tuple[str, int]]:
    bounded = chosen.order_by("id").values("pk")[: filters.MAX_COUNTED]
    groups = DeadLetter.objects.filter(pk__in=bounded).values("reason").annotate(count=Count("pk"))
    return list(groups.order_by("-count").values_list("reason", "count")[:MAX_REASONS])


def _page(request: HttpRequest, name: str, title: str, context: dict[str, Any]) -> HttpResponse:
    shown = {**site.each_context(request), "opts": site.get_model_admin(DeadLetter).opts, "title": title, **context}
    return TemplateResponse(request, f"admin/processing/deadletter/{name}.html", shown)


def _to_job(job: Job) -> HttpResponse:
    return HttpResponseRedirect(formatting.change_url("job", str(job.pk)))


def _require_permission(request: HttpRequest) -> None:
    if not may_change(request):
        raise PermissionDenied


def _who(request: HttpRequest) -> str:
    return request.user.get_username()


def _now() -> int:
    return timestamps.now()
