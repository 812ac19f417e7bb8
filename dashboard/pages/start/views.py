"""The page of the first steps."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.frame.page import Shown, action, page
from dashboard.pages.start import demo, steps
from ingestion import code_samples
from ingestion.auth import api_keys
from ingestion.auth.read_scope import ReadScope
from ingestion.events.model import SOURCE_ID_FORM, SOURCE_ID_PATTERN
from ingestion.models import Scope
from queries.request.times import format_time

SOURCE = "sensor-1"
TEMPLATE = "dashboard/start/start.html"


@page(TEMPLATE, here="start", parameters=("source",))
def start(request: HttpRequest, scope: ReadScope) -> Shown:
    """The first steps of the source `?source=`."""
    asked = request.GET.get("source", SOURCE)
    if not SOURCE_ID_PATTERN.fullmatch(asked):
        raise Http404(f"source: expected {SOURCE_ID_FORM}")
    progress = steps.read(asked, scope=scope, now=datetime.now(tz=UTC))
    return Shown({"progress": progress}, {**_around(request, asked), "demo": demo.state(scope=scope)})


@action("ingestion.add_key")
def make_key(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """Make a key that sends for one source, and show it in the answer alone: nothing keeps it."""
    scope.require_whole()
    source = request.POST.get("source", "")
    now = datetime.now(tz=UTC)
    if not SOURCE_ID_PATTERN.fullmatch(source):
        shown = {**_around(request, SOURCE), "wrong": f"A source is {SOURCE_ID_FORM}.", "asked": source}
        return render(request, TEMPLATE, {**shown, "progress": steps.read(SOURCE, scope=scope, now=now)}, status=422)
    try:
        _, token = api_keys.create(source, [Scope.INGEST], sources=[source], by=request.user.get_username())
    except ValidationError as error:
        shown = {**_around(request, SOURCE), "wrong": " ".join(error.messages), "asked": source}
        return render(request, TEMPLATE, {**shown, "progress": steps.read(SOURCE, scope=scope, now=now)}, status=422)
    shown = {**_around(request, source, token), "token": token, "progress": steps.read(source, scope=scope, now=now)}
    return render(request, TEMPLATE, shown)


def _around(request: HttpRequest, source: str, token: str | None = None) -> dict[str, object]:
    """Return what the page shows beside the progress."""
    address = code_samples.address_of(request)
    at = format_time(datetime.now(tz=UTC).replace(microsecond=0))
    return {
        "here": "start",
        "now": datetime.now(tz=UTC),
        "source": source,
        "asked": source,
        "open_ingest": settings.DATAFLOW_OPEN_INGEST,
        "samples": code_samples.code_samples(address, source=source, key=token),
        "conflict": code_samples.conflict_sample(address, source=source, key=token, at=at),
        "live": f"/start/?source={source}",
    }
