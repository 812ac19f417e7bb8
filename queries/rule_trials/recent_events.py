"""The newest stored events as they were sent."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from ingestion.auth.read_scope import ReadScope
from processing.events.document_ids import document_id
from processing.events.entries import Entries
from processing.stores.mongodb import documents
from processing.stores.mongodb.stored_events import events_of
from queries.events import listing


def read(sources: Collection[str] | None, *, scope: ReadScope, count: int) -> Entries:
    """Return the newest events by their own time, the newest first; those whose document is gone are left out.

    :param sources: None: of all sources
    :raises ReadUnavailable: PostgreSQL does not answer
    :raises DocumentsUnavailable: MongoDB does not answer
    """
    rows = listing.newest(count=count, scope=scope.among(sources))
    keys = [document_id(UUID(row["eventId"]), row["sourceId"]) for row in rows]
    found = {bytes(one["_id"]): one for one in documents.find_many(keys)}
    return events_of([found[key] for key in keys if key in found]).events
