"""The pages. The server renders them whole; scripts only update them."""

from __future__ import annotations

from typing import cast, get_args

from django.http import Http404, HttpRequest, JsonResponse
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
from queries.request.query_params import Parameters
from queries.scoped_views import scoped


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
