"""What the overview shows, and the state of each of its panels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from dashboard.pages.overview import flow, rate_line
from dashboard.panels import incidents, snapshot
from ingestion.auth.read_scope import ReadScope
from queries.pipeline import freshness, rate_history
from queries.pipeline.rate_history import Span
from queries.reads.postgres import ReadUnavailable
from queries.schemas import EventShape
from queries.sources import movers
from queries.sources.health import index, rows
from queries.sources.health.rows import SourceHealth
from queries.sources.health.state import State

T = TypeVar("T")
Context = dict[str, object]

WELL: frozenset[State] = frozenset({"live", "new", "disabled"})
WORST = 5  # sources
MOVERS = 5
EVENTS = 8


def overview(scope: ReadScope, span: Span) -> tuple[Context, Context]:
    """Return what the overview shows, and what its template needs beside; unknown parts are None."""
    now = datetime.now(tz=UTC)
    sample = snapshot.overview(scope=scope)
    answers = sample["ledger"] is not None
    rate = _known(lambda: rate_history.read(span, scope=scope, now=now), answers=answers)
    fresh = _known(lambda: freshness.read(scope=scope), answers=answers)
    worst, counts = _known(lambda: _worst(scope, now), answers=answers) or (None, None)
    moved = _known(lambda: movers.read(scope=scope, now=now, count=MOVERS), answers=answers)
    cards = _known(lambda: incidents.cards(scope=scope), answers=answers)
    data: Context = {
        "overview": sample,
        "rate": rate,
        "freshness": fresh,
        "worstSources": worst,
        "sourceStates": counts,
        "movers": moved,
        "incidents": cards,
    }
    extra: Context = {
        "new_cards": None if cards is None else [card for card in cards if card["acknowledgedAt"] is None],
        "seen_cards": [card for card in cards or () if card["acknowledgedAt"] is not None],
        "steps": flow.steps(sample, rate, fresh, whole=scope.whole),
        "rate_lines": None if rate is None else rate_line.of(rate),
        "rate_rows": [] if rate is None else [*zip(*rate.values(), strict=True)][::-1],
        "sources_state": _state_of(sample["sources"]),
        "source_rows": snapshot.SOURCE_ROWS,
        "event_rows": EVENTS,
        **_events(scope),
    }
    return data, extra


def _known(read: Callable[[], T], *, answers: bool) -> T | None:
    """Return what is read; None while PostgreSQL does not answer, which is not asked again if that is known already."""
    try:
        return read() if answers else None
    except ReadUnavailable:
        return None


def _worst(scope: ReadScope, now: datetime) -> tuple[list[SourceHealth], dict[State, int]]:
    """Return the sources that need someone, and how many sources are in each state."""
    found = index.read(scope=scope, now=now)
    judged = [each for each in found.sources[:WORST] if each.state not in WELL]
    return rows.of(judged, scope=scope, now=now), dict(found.counts)


def _events(scope: ReadScope) -> dict[str, list[EventShape] | str | None]:
    """Return the newest events, newest first, and the state of their panel."""
    try:
        found = snapshot.newest_events(None, scope=scope)[::-1][:EVENTS]
    except snapshot.Unknown:
        return {"events": [], "events_state": "unknown"}
    return {"events": found, "events_state": _state_of(found)}


def _state_of(rows: object) -> str | None:
    """Return the state of a panel with these rows; None: it shows them."""
    if rows is None:
        return "unknown"
    return None if rows else "never"
