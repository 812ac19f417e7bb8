"""The pages, rendered whole on the server; scripts only keep them moving."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast, get_args

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import pages, protocol
from dashboard.protocol import Channel, Interval
from queries.parameters import InvalidParameter
from queries.sources import SourceNotFound

INTERVALS: list[tuple[Interval, str]] = [("1m", "Minutes"), ("1h", "Hours"), ("1d", "Days")]


@require_safe
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    context = {"here": "overview", "now": _now(), "door": settings.INGESTION_SERVICE_PORT}
    return render(request, "dashboard/overview.html", {**pages.overview(), **context})


@require_safe
@never_cache
def sources(request: HttpRequest) -> HttpResponse:
    try:
        page = pages.source_list(request.GET.get("cursor"))
    except InvalidParameter as error:
        raise Http404(error.detail) from error
    return render(request, "dashboard/sources.html", {**page, "here": "sources", "now": _now()})


@require_safe
@never_cache
def source(request: HttpRequest, source_id: str) -> HttpResponse:
    try:
        page = pages.source(source_id, _interval(request))
    except SourceNotFound as error:
        raise Http404("No event of such a source was ever read.") from error
    context = {"here": "sources", "intervals": INTERVALS, "now": _now()}
    return render(request, "dashboard/source.html", {**page, **context})


@require_safe
@never_cache
def live(request: HttpRequest, channel: str) -> JsonResponse:
    """What a subscription begins with, for pages that no socket reaches and that have to poll."""
    if channel not in get_args(Channel):
        raise Http404
    wanted = cast("Channel", channel)
    data = pages.polled(wanted, request.GET.get("source_id"), _interval(request) or "1m")
    return JsonResponse({"type": "snapshot", "channel": wanted, "now": protocol.now_ms(), "data": data})


def _interval(request: HttpRequest) -> Interval | None:
    """The interval asked for; None leaves the choice to what there is."""
    return next((interval for interval, _ in INTERVALS if interval == request.GET.get("interval")), None)


def _now() -> datetime:
    return datetime.now(tz=UTC)
