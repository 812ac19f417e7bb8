"""The template context of each page: what it shows, and the state of each of its panels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.live.messages import Channel
from dashboard.panels import series, snapshot, status_news
from dashboard.panels.columns import Interval
from dashboard.panels.snapshot import Unknown
from ingestion.auth.read_scope import ReadScope
from queries.request.filter_line.terms import FilterLine
from queries.schemas import EventShape

Context = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What a client that polls asks for: a channel with its filters."""

    channel: Channel
    source_id: str | None
    interval: Interval
    line: FilterLine
    since: datetime | None  # of a tail: the `storedAt` of the last event that it shows


def polled(asked: Polled, *, scope: ReadScope) -> object:
    """Return what a subscription to a channel starts with, for clients that poll; None: the stores do not answer."""
    channel, source_id, line = asked.channel, asked.source_id, asked.line
    try:
        if channel == "status":
            return status_news.read(scope=scope).news
        if channel == "overview":
            return {"sample": snapshot.overview(scope=scope)}
        if channel == "tail":
            if asked.since is not None:
                return snapshot.tail_gap(asked.since, source_id, scope=scope, line=line)
            return snapshot.tail(source_id, scope=scope, line=line)
        return None if source_id is None else series.series(source_id, asked.interval, scope=scope)
    except Unknown:
        return None


def events_of(source_id: str | None, scope: ReadScope) -> dict[str, list[EventShape] | str | None]:
    """Return the newest events, newest first, and the state of their panel."""
    try:
        found = snapshot.newest_events(source_id, scope=scope)[::-1]
    except Unknown:
        return {"events": [], "events_state": "unknown"}
    return {"events": found, "events_state": state_of(found)}


def state_of(rows: object) -> str | None:
    """Return the state of a panel with these rows; None: it shows them."""
    if rows is None:
        return "unknown"
    return None if rows else "never"
