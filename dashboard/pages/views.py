"""The pages. The server renders them whole; scripts only update them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast, get_args

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.live import messages
from dashboard.live.messages import Channel
from dashboard.pages import context
from dashboard.panels.columns import Interval
from queries.request.query_params import InvalidParameter
from queries.sources import SourceNotFound

INTERVALS: list[tuple[Interval, str]] = [("1m", "Minutes"), ("1h", "Hours"), ("1d", "Days")]


@require_safe
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    """The overview of the pipeline."""
    shown = {"here": "overview", "now": _now(), "door": settings.INGESTION_SERVICE_PORT}
    return render(request, "dashboard/overview.html", {**context.overview(), **shown})


@require_safe
@never_cache
def sources(request: HttpRequest) -> HttpResponse:
    """One page of the list of sources; `?cursor=` chooses which."""
    try:
        page = context.source_list(request.GET.get("cursor"))
    except InvalidParameter as error:
        raise Http404(error.detail) from error
    return render(request, "dashboard/sources.html", {**page, "here": "sources", "now": _now()})


@require_safe
@never_cache
def source(request: HttpRequest, source_id: str) -> HttpResponse:
    """The charts and newest events of one source; `?interval=` chooses the length of the charts."""
    try:
        page = context.source(source_id, _interval(request))
    except SourceNotFound as error:
        raise Http404("No event of this source was ever read.") from error
    shown = {"here": "sources", "intervals": INTERVALS, "now": _now()}
    return render(request, "dashboard/source.html", {**page, **shown})


@require_safe
@never_cache
def live(request: HttpRequest, channel: str) -> JsonResponse:
    """The snapshot of a channel, for pages that have no WebSocket and poll instead."""
    if channel not in get_args(Channel):
        raise Http404
    wanted = cast("Channel", channel)
    data = context.polled(wanted, request.GET.get("source_id"), _interval(request) or "1m")
    return JsonResponse({"type": "snapshot", "channel": wanted, "now": messages.now_ms(), "data": data})


def _interval(request: HttpRequest) -> Interval | None:
    """Return the requested interval; None: choose it by the data."""
    return next((interval for interval, _ in INTERVALS if interval == request.GET.get("interval")), None)


def _now() -> datetime:
    return datetime.now(tz=UTC)
