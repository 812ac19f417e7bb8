"""The whole keys of events' rows as text, for their addresses."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from ingestion.events import timestamps
from processing.models import Event


def event_key(row: Event) -> str:
    """Return the whole key of an event's row."""
    return f"{row.id}|{timestamps.to_micros(row.ts)}|{row.source_id}"


def find(text: str, rows: QuerySet[Event] | None = None) -> Event | None:
    """Return the event of a key; None: there is none, or the text is no key."""
    try:
        event_id, microseconds, source = text.split("|", 2)
        moment = timestamps.from_micros(int(microseconds))
        key = {"id": UUID(event_id), "ts": moment, "source_id": source}
    except (ValueError, OverflowError):
        return None
    return (Event.objects.all() if rows is None else rows).filter(**key).first()
