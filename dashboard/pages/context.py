"""The template context of each page: what it shows, and the state of each of its panels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.live.messages import Channel
from dashboard.panels import series, snapshot, status_news
from dashboard.panels.columns import Interval
from dashboard.panels.snapshot import Unknown
from dashboard.panels.sparkline import FieldCard
from ingestion.auth.read_scope import ReadScope
from queries.reads.postgres import ReadUnavailable
from queries.request import pagination
from queries.request.filter_line.terms import FilterLine
from queries.schemas import EventShape
from queries.sources import lists
from queries.sources.query import SourceCursor, SourceQuery

LISTED_SOURCES = 100

Context = dict[str, object]


def source_list(scope: ReadScope, cursor: str | None) -> Context:
    """Return the context of one page of the list of sources.

    :raises InvalidParameter: the cursor is not one of this list
    """
    query = SourceQuery(limit=LISTED_SOURCES)
    if cursor is not None:
        query = query.continued(pagination.read_cursor(cursor, SourceCursor))
    try:
        page = lists.page(query, scope=scope, now=datetime.now(tz=UTC))
    except ReadUnavailable:
        return {"sources": [], "sources_state": "unknown"}
    rows = [snapshot.source_row(found) for found in page.results]
    return {
        "sources": rows,
        "sources_state": state_of(rows),
        "next": page.next,
        "previous": page.previous,
    }


def source(scope: ReadScope, source_id: str, interval: Interval | None) -> Context:
    """Return the context of a source's page.

    :param interval: of the aggregates; None: the finest that shows a line
    :raises SourceNotFound: no event of this source was ever read, or it is outside the scope
    """
    common: Context = {"source_id": source_id, "blank_field": FieldCard("")}
    try:
        found = series.charts(source_id, interval, scope=scope)
    except Unknown:
        return {**common, "interval": interval or "1m", "fields_state": "unknown", "events_state": "unknown"}
    cards = found.cards()
    return {
        **common,
        "source": found.source,
        "interval": found.interval,
        "start": found.start,
        "end": found.end,
        "fields": cards,
        "fields_state": state_of(cards),
        **events_of(source_id, scope),
    }


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
