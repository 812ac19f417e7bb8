"""Snapshots of the channels, for clients that have no WebSocket and poll instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast, get_args

from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from dashboard.live import messages
from dashboard.live.messages import Channel
from dashboard.panels import series, snapshot, status_news
from dashboard.panels.columns import MAX_CHOSEN, Interval
from dashboard.panels.snapshot import Unknown
from ingestion.auth.read_scope import ReadScope
from queries.request.filter_line import parsing
from queries.request.filter_line.terms import FilterLine
from queries.request.query_params import Parameters
from queries.scoped_views import scoped


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What is asked for: a channel with its filters."""

    channel: Channel
    source_id: str | None
    interval: Interval
    line: FilterLine
    chosen: tuple[str, ...]
    since: datetime | None  # of a tail: the `storedAt` of the last event that it shows


@csrf_exempt  # so that another method is a 405
@require_safe
@never_cache
@scoped
def live(request: HttpRequest, scope: ReadScope, channel: str) -> JsonResponse:
    """What a subscription to this channel starts with; `data` is null while the stores do not answer."""
    if channel not in get_args(Channel):
        raise Http404
    wanted = cast("Channel", channel)
    parameters = Parameters(request.GET, known=("source_id", "interval", "filter", "fields", "since"))
    asked = Polled(
        channel=wanted,
        source_id=parameters.source_id(),
        interval=cast("Interval", parameters.choice("interval", get_args(Interval), default="1m")),
        line=parsing.parse(parameters.text("filter", most=parsing.MAX_LINE) or ""),
        chosen=tuple(parameters.paths("fields", most=MAX_CHOSEN)),
        since=parameters.time("since"),
    )
    data = _snapshot(asked, scope=scope)
    return JsonResponse({"type": "snapshot", "channel": wanted, "now": messages.now_ms(), "data": data})


def _snapshot(asked: Polled, *, scope: ReadScope) -> object:
    channel, source_id, line, chosen = asked.channel, asked.source_id, asked.line, asked.chosen
    try:
        if channel == "status":
            return status_news.read(scope=scope).news
        if channel == "overview":
            return {"sample": snapshot.overview(scope=scope)}
        if channel == "tail":
            if asked.since is not None:
                return snapshot.tail_gap(asked.since, source_id, scope=scope, line=line, chosen=chosen)
            return snapshot.tail(source_id, scope=scope, line=line, chosen=chosen)
        return None if source_id is None else series.series(source_id, asked.interval, scope=scope)
    except Unknown:
        return None
