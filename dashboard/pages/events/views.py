"""The events as they come, the explorer of stored ones, one event, and what a filter can name."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.frame.page import Shown, may, page
from dashboard.pages.events import copies, history, one, rows, timeline
from dashboard.pages.events.one import NoSuchEvent
from dashboard.pages.events.wanted import RANGES, Fault, Wanted
from dashboard.panels import snapshot
from dashboard.panels.snapshot import Unknown
from ingestion.auth.read_scope import ReadScope
from ingestion.events.model import SOURCE_ID_PATTERN
from queries.events import histogram, known_fields
from queries.reads.postgres import ReadUnavailable
from queries.request.filter_line import parsing
from queries.request.filter_line.terms import EVERYTHING_PASSES
from queries.request.query_params import InvalidParameter, Parameters
from queries.scoped_views import scoped

READ_DOCUMENTS = "processing.read_documents"
FORMATS = [("csv", "CSV"), ("ndjson", "NDJSON"), ("parquet", "Parquet")]
NO_EVENTS: known_fields.Known = {"sources": [], "fields": [], "tags": []}


@page("dashboard/events/list.html", here="events")
def events(request: HttpRequest, scope: ReadScope) -> Shown:
    """What comes now, or, with a range of time, what is stored; `?filter=` says which events."""
    wanted = Wanted.of(request.GET)
    common: dict[str, object] = {
        "wanted": wanted,
        "fault": wanted.fault,
        "ranges": [
            (title, wanted.address(start=start, end="", by=""), wanted.start == start and not wanted.by)
            for start, title in RANGES.items()
        ],
        "live_address": wanted.address(start="", end="", by=""),
    }
    if wanted.fault is not None:
        return Shown({"filter": wanted.filter, "problem": wanted.fault.text}, {**common, "events_state": ""})
    return _live(wanted, scope, common) if wanted.is_live else _history(request, wanted, scope, common)


def _live(wanted: Wanted, scope: ReadScope, common: dict[str, object]) -> Shown:
    try:
        found = snapshot.newest_events(None, scope=scope, line=wanted.line)[::-1]
        state = None if found else "never"
    except Unknown:
        found, state = [], "unknown"
    extra = {
        "rows": [{**event, "cells": rows.titled(event["payload"], wanted.columns)} for event in found],
        "blank": [(path, "") for path in wanted.columns],
        "offered": rows.offered([event["payload"] for event in found], wanted.columns),
        "events_state": state,
    }
    return Shown({"filter": wanted.filter, "events": found}, {**common, **extra})


def _history(request: HttpRequest, wanted: Wanted, scope: ReadScope, common: dict[str, object]) -> Shown:
    now = _now()
    explored = history.read(wanted, scope=scope, now=now)
    extra: dict[str, object] = {
        **common,
        "rows": explored.rows,
        "offered": explored.offered,
        "problem": explored.problem,
        "events_state": "unknown" if explored.is_unknown else None,
        "order_address": wanted.address(order="" if wanted.order == "asc" else "asc"),
        "next_address": _at(wanted, explored.history["next"]),
        "previous_address": _at(wanted, explored.history["previous"]),
        "formats": FORMATS,
    }
    try:
        start, end = _span(wanted, now)
    except InvalidParameter as error:
        return Shown({"filter": wanted.filter, **explored.history}, {**extra, "fault": Fault(error.detail)})
    base = f"{request.scheme}://{request.get_host()}"
    extra |= {
        "start": start,
        "end": end,
        "asked": wanted.asked(start, end),
        "copies": copies.of(wanted, base, start=start, end=end),
    }
    return Shown({"filter": wanted.filter, **explored.history}, extra)


def _span(wanted: Wanted, now: datetime) -> tuple[datetime, datetime]:
    return histogram.of(wanted.query(now=now).selection)


def _at(wanted: Wanted, cursor: str | None) -> str | None:
    return None if cursor is None else wanted.address(cursor=cursor)


@page("dashboard/events/one.html", here="events", parameters=())
def event(request: HttpRequest, scope: ReadScope, source_id: str, event_id: str) -> Shown:
    """One event: its payload, what was sent, and its way through the pipeline."""
    raw = settings.DATAFLOW_OPEN_READ or may(request.user, READ_DOCUMENTS)
    try:
        number = UUID(event_id)
        found = one.read(source_id, number, scope=scope, raw=raw)
    except ValueError as error:
        raise Http404("This is not an event id: expected a UUID.") from error
    except NoSuchEvent as error:
        raise Http404(f"Nothing is known of this event: {error}.") from error
    extra = {
        "found": found,
        "beside": found.beside,
        "steps": timeline.steps(found.trace) if found.trace else [],
        "left_out_steps": timeline.left_out(found.trace) if found.trace else [],
        "outcome": timeline.OUTCOMES[found.trace["outcome"]] if found.trace else "",
        "tone": timeline.TONES[found.trace["outcome"]] if found.trace else "",
    }
    shown = {
        "sourceId": source_id,
        "eventId": str(number),
        "event": found.event,
        "trace": found.trace,
        "previous": found.beside.before,
        "next": found.beside.after,
        "problem": found.problem,
    }
    return Shown(shown, extra)


@require_safe
@never_cache
@scoped
def known(request: HttpRequest, scope: ReadScope) -> JsonResponse:
    """What a filter can name: sources (`?source=` is a part of their ids), fields of the events of a filter, tags."""
    parameters = Parameters(request.GET, known=("filter", "source"))
    part = parameters.text("source", most=128) or ""
    try:
        line = parsing.parse(parameters.text("filter", most=parsing.MAX_LINE) or "")
    except InvalidParameter:
        # It is being typed.
        line = EVERYTHING_PASSES
    try:
        found = known_fields.read(line, source=part if SOURCE_ID_PATTERN.fullmatch(part) else "", scope=scope)
    except (ReadUnavailable, InvalidParameter):
        found = NO_EVENTS
    return JsonResponse({**found})


def _now() -> datetime:
    return datetime.now(tz=UTC)
