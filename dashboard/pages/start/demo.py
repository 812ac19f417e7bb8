"""The demo on the page of the first steps: start it, end it."""

from __future__ import annotations

from typing import TypedDict

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from dashboard.frame.page import action
from ingestion import code_samples
from ingestion.auth.read_scope import ReadScope
from ingestion.models import Source
from processing.demo import job as demo
from processing.demo import removal
from processing.demo.sources import PREFIX, SOURCES, DemoSource
from processing.jobs import queue
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable

PERMISSION = "processing.change_job"


class DemoState(TypedDict):
    """Whether the demo runs, and whether there is something of it to remove."""

    sources: tuple[DemoSource, ...]
    job: int | None  # the number of the job that sends
    present: bool  # sources of an earlier one, or of this, may send


def state(*, scope: ReadScope) -> DemoState | None:
    """Return how the demo is; None: it is not known, or not for this reader."""
    if not scope.whole:
        return None
    try:
        with postgres.bounded():
            running = queue.unfinished(demo.KIND).order_by("id").values_list("pk", flat=True).first()
            present = Source.objects.filter(**scope.lookup(), source_id__startswith=PREFIX, enabled=True).exists()
    except ReadUnavailable:
        return None
    return {"sources": SOURCES, "job": running, "present": present}


@action(PERMISSION)
def start(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """Start the job that sends the demo's events."""
    _require_whole(scope)
    with postgres.bounded():
        job = demo.request(address=code_samples.address_of(request).url, who=request.user.get_username())
    messages.success(request, f"The demo runs for {demo.MINUTES} minutes as job {job.pk}: look at Sources in a minute.")
    return redirect("start")


@action(PERMISSION)
def remove(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """End the demo."""
    _require_whole(scope)
    with postgres.bounded():
        done = removal.remove(who=request.user.get_username())
    messages.success(
        request,
        f"The demo has ended: {done.disabled} sources are disabled, {done.letters:,} dead letters are being discarded."
        " Its events stay, since the ledger accounts for them.",
    )
    return redirect("start")


def _require_whole(scope: ReadScope) -> None:
    if not scope.whole:
        raise PermissionDenied("the demo is for the whole site, and your account is for some sources")
