"""What an operator does on the pages of the pipeline; `manage.py partitions` and `failing_sources` call the same."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.frame.page import action
from dashboard.panels.incidents import ACKNOWLEDGE, ENDED_BY_OPERATOR, HOLD, SOURCE
from ingestion.auth.read_scope import ReadScope
from ingestion.problems import RequestRejected
from processing.comparisons import request as comparisons
from processing.errors import NeedsOperator, StoreUnavailable
from processing.models import Hold, Incident
from processing.partitions import failing_sources, paused, skip_batch
from processing.partitions.skip_batch import NotSkippable
from queries.pipeline import partitions
from queries.reads import postgres

JOBS = "processing.change_job"
CONFIRMED = "confirmed"  # field of the forms that ask first

# Returns what is said afterwards; raises what the page says instead.
Act = Callable[[str, int, ReadScope, str], str]


class NotHeld(Exception):
    """The partition is not held for the reason that the action is for. Nothing was changed."""


@action(HOLD)
def partition(request: HttpRequest, scope: ReadScope, topic: str, number: int, how: str) -> HttpResponse:
    """Resume a held partition, with its dead letters counted or set aside, or skip the batch that can't be read."""
    if how not in ACTIONS:
        raise Http404
    _require_whole(scope)
    act, asks = ACTIONS[how]
    if asks and CONFIRMED not in request.POST:
        messages.error(request, "Nothing was changed: confirm that you mean it.")
        return redirect("partition", topic, number)
    try:
        messages.success(request, act(topic, number, scope, request.user.get_username()))
    except RequestRejected as error:
        messages.error(request, f"Nothing was changed: {error.detail}.")
    except (NotHeld, NotSkippable, StoreUnavailable, NeedsOperator) as error:
        messages.error(request, f"Nothing was changed: {error}")
    return _back(request)


def _resume(topic: str, number: int, scope: ReadScope, who: str) -> str:
    partitions.resume(topic, number, scope=scope, who=who, through_end=False)
    return f"{topic}, partition {number}: consumers read on within seconds. It is held again if too much fails again."


def _resume_through_end(topic: str, number: int, scope: ReadScope, who: str) -> str:
    done = partitions.resume(topic, number, scope=scope, who=who, through_end=True)
    return (
        f"{topic}, partition {number}: consumers read on within seconds. Up to offset {done['lenientUntil']} any number of"
        " events may become dead letters."
    )


def _skip(topic: str, number: int, scope: ReadScope, who: str) -> str:
    scope.require_whole()
    with postgres.bounded():
        hold = paused.paused_now().filter(topic__name=topic, partition=number, kind=Hold.Kind.UNREADABLE).first()
    if hold is None:
        raise NotHeld(f"{topic}, partition {number}, does not wait before a batch that can't be read.")
    skip = skip_batch.plan(hold)
    skip_batch.apply(skip, who=who)
    batch = skip.batch
    return (
        f"{topic}, partition {number}: records {batch.first} to {batch.next - 1} were skipped, as a gap in the ledger."
    )


# What can be done with a held partition, by the last part of an address, and whether it needs a confirmation.
ACTIONS: dict[str, tuple[Act, bool]] = {
    "resume": (_resume, False),
    "set-aside": (_resume_through_end, True),
    "skip": (_skip, True),
}


@action(SOURCE)
def source(request: HttpRequest, scope: ReadScope, source_id: str) -> HttpResponse:
    """Let a source that is set aside send again."""
    if not scope.includes(source_id):
        raise Http404("There is no such source that you may see.")
    with postgres.bounded():
        done = failing_sources.resume(source_id, who=request.user.get_username())
    if done:
        messages.success(request, f"{source_id} may send again; receivers follow within seconds.")
    else:
        messages.warning(request, f"{source_id} is not set aside.")
    return _back(request)


@action(ACKNOWLEDGE)
def incident(request: HttpRequest, scope: ReadScope, number: int) -> HttpResponse:
    """Note that somebody has seen an incident; one that would stay open for ever is closed by that."""
    _require_whole(scope)
    with postgres.bounded():
        seen = Incident.objects.filter(pk=number, until=None)
        noted = seen.filter(acknowledged_at=None).update(
            acknowledged_at=Now(), acknowledged_by=request.user.get_username()
        )
        closed = seen.filter(kind__in=ENDED_BY_OPERATOR).update(until=Now())
    if closed:
        messages.success(request, "Acknowledged and closed. It is among the past incidents.")
    elif noted:
        messages.success(request, "Acknowledged. It closes by itself when its cause is gone.")
    else:
        messages.warning(request, "It is over, or somebody has acknowledged it already.")
    return _back(request)


@action(JOBS)
def reconcile(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """Start the job that compares the stores, and lead to it."""
    _require_whole(scope)
    with postgres.bounded():
        job = comparisons.request(who=request.user.get_username())
    return redirect("job", job.pk)


def _require_whole(scope: ReadScope) -> None:
    if not scope.whole:
        raise PermissionDenied("this is about all sources, and your account is for some")


def _back(request: HttpRequest) -> HttpResponse:
    """Return to the page of this site that the button was on."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(wanted if safe else reverse("pipeline"))
