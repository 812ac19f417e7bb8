"""The pages. The server renders them whole; scripts only update them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast, get_args

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from dashboard.live import messages
from dashboard.live.messages import Channel
from dashboard.pages import context
from dashboard.pages.context import Polled
from dashboard.panels.columns import Interval
from ingestion.auth.read_scope import ReadScope
from queries.request.filter_line import parsing
from queries.request.query_params import InvalidParameter, Parameters
from queries.scoped_views import scoped
from queries.sources.detail import SourceNotFound

INTERVALS: list[tuple[Interval, str]] = [("1m", "Minutes"), ("1h", "Hours"), ("1d", "Days")]


@require_safe
@never_cache
@scoped
def sources(request: HttpRequest, scope: ReadScope) -> HttpResponse:
    """One page of the list of sources; `?cursor=` chooses which."""
    try:
        page = context.source_list(scope, request.GET.get("cursor"))
    except InvalidParameter as error:
        raise Http404(error.detail) from error
    return render(request, "dashboard/sources.html", {**page, "here": "sources", "now": _now()})


@require_safe
@never_cache
@scoped
def source(request: HttpRequest, scope: ReadScope, source_id: str) -> HttpResponse:
    """The charts and newest events of one source; `?interval=` chooses the length of the charts."""
    try:
        page = context.source(scope, source_id, _interval(request))
    except SourceNotFound as error:
        raise Http404("No event of this source was ever read.") from error
    shown = {"here": "sources", "intervals": INTERVALS, "now": _now()}
    return render(request, "dashboard/source.html", {**page, **shown})


@csrf_exempt  # so that another method is a 405
@require_safe
@never_cache
@scoped
def live(request: HttpRequest, scope: ReadScope, channel: str) -> JsonResponse:
    """The snapshot of a channel, for pages that have no WebSocket and poll instead."""
    if channel not in get_args(Channel):
        raise Http404
    wanted = cast("Channel", channel)
    parameters = Parameters(request.GET, known=("source_id", "interval", "filter", "since"))
    interval = cast("Interval", parameters.choice("interval", get_args(Interval), default="1m"))
    line = parsing.parse(parameters.text("filter", most=parsing.MAX_LINE) or "")
    asked = Polled(
        channel=wanted,
        source_id=parameters.source_id(),
        interval=interval,
        line=line,
        since=parameters.time("since"),
    )
    data = context.polled(asked, scope=scope)
    return JsonResponse({"type": "snapshot", "channel": wanted, "now": messages.now_ms(), "data": data})


def _interval(request: HttpRequest) -> Interval | None:
    """Return the requested interval; None: choose it by the data."""
    return next((interval for interval, _ in INTERVALS if interval == request.GET.get("interval")), None)


def _now() -> datetime:
    return datetime.now(tz=UTC)
