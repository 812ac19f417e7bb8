"""The template context of each page: what it shows, and the state of each of its panels."""

from __future__ import annotations

from dashboard.panels import snapshot
from dashboard.panels.snapshot import Unknown
from ingestion.auth.read_scope import ReadScope
from queries.schemas import EventShape

Context = dict[str, object]


def events_of(source_id: str | None, scope: ReadScope, *, count: int) -> dict[str, list[EventShape] | str | None]:
    """Return the newest events, newest first, and the state of their panel."""
    try:
        found = snapshot.newest_events(source_id, scope=scope)[::-1][:count]
    except Unknown:
        return {"events": [], "events_state": "unknown"}
    return {"events": found, "events_state": state_of(found)}


def state_of(rows: object) -> str | None:
    """Return the state of a panel with these rows; None: it shows them."""
    if rows is None:
        return "unknown"
    return None if rows else "never"
