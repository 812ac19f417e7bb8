"""What each page shows, and which state its panels are in, before any script runs."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from dashboard import readings, series
from dashboard.drawing import FieldCard
from dashboard.protocol import Channel, Interval
from dashboard.readings import NOWHERE, Unknown
from dashboard.sample import Doors
from queries import cursors
from queries import sources as source_reads
from queries.postgres import StoreUnavailable
from queries.shapes import EventShape
from queries.sources import SourceCursor, SourceQuery

STORES = [("kafka", "Kafka"), ("postgresql", "PostgreSQL"), ("mongodb", "MongoDB"), ("redis", "Redis")]
LISTED_SOURCES = 100

Context = dict[str, object]


def overview() -> Context:
    sample = readings.overview()
    states = dict(sample["stores"] or {})
    return {
        "overview": sample,
        "stores": [(name, title, states.get(name)) for name, title in STORES],
        "doors_state": _doors_state(sample["doors"]),
        "minutes_state": _state(sample["minutes"]),
        "sources_state": _state(sample["sources"]),
        **_events(None),
    }


def source_list(cursor: str | None) -> Context:
    """:raises InvalidParameter: the cursor is none of ours"""
    place = None if cursor is None else cursors.read(cursor, SourceCursor)
    try:
        page = source_reads.page(SourceQuery(limit=LISTED_SOURCES, cursor=place), address=NOWHERE)
    except StoreUnavailable:
        return {"sources": [], "sources_state": "unknown"}
    rows = [readings.source_row(found) for found in page["results"]]
    return {
        "sources": rows,
        "sources_state": _state(rows),
        "next": _cursor_of(page["next"]),
        "previous": _cursor_of(page["previous"]),
    }


def source(source_id: str, interval: Interval | None) -> Context:
    """:raises SourceNotFound: nothing of it was ever read"""
    common: Context = {"source_id": source_id, "blank_field": FieldCard("")}
    try:
        found = series.charts(source_id, interval)
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
        "fields_state": _state(cards),
        **_events(source_id),
    }


def polled(channel: Channel, source_id: str | None, interval: Interval) -> object:
    """What a subscription begins with; None when it cannot be told."""
    try:
        if channel == "overview":
            return {"sample": readings.overview(), "history": None}
        if channel == "tail":
            return readings.tail(source_id)
        return series.series(source_id or "", interval)
    except Unknown:
        return None


def _events(source_id: str | None) -> dict[str, list[EventShape] | str | None]:
    try:
        found = readings.newest_events(source_id)[::-1]
    except Unknown:
        return {"events": [], "events_state": "unknown"}
    return {"events": found, "events_state": _state(found)}


def _state(rows: object) -> str | None:
    """The state of a panel with these rows: none when it shows them."""
    if rows is None:
        return "unknown"
    return None if rows else "never"


def _doors_state(doors: Doors | None) -> str | None:
    """Doors that run show themselves, even if nobody ever came."""
    if doors is None:
        return "unknown"
    return None if doors["processes"] else "never"


def _cursor_of(address: str | None) -> str | None:
    return None if address is None else parse_qs(urlsplit(address).query)["cursor"][0]
