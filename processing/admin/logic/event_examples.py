"""Makes a stored event an example of a rule: what was sent, and what the logic makes of it."""

from __future__ import annotations

from django.db import connection
from django.http import Http404

from ingestion.events import timestamps
from ingestion.events.model import InvalidEvent
from processing.admin.event_keys import find
from processing.logic.content import Content, Example, ExampleInput
from processing.logic.revisions import loading
from processing.logic.revisions.checks.examples import Trial
from processing.models import Event
from processing.stores.mongodb import documents
from processing.stores.mongodb.documents import DocumentsUnavailable
from processing.stores.mongodb.stored_events import plain_payload


def of(key: str, content: Content) -> list[Example]:
    """Return an event as an example, as a content treats it now; none if its document can't be read.

    :param key: as in the address of its page
    """
    row = find(key)
    if row is None:
        raise Http404
    event = _input(row, content)
    if event is None:
        return []
    with connection.cursor() as cursor:
        named, missing = loading.find_named(cursor, content)
    if missing:
        return []
    try:
        return [Example(event, Trial(content, named).outcome(event))]
    except InvalidEvent:  # of an earlier release, with other limits
        return []


def _input(row: Event, content: Content) -> ExampleInput | None:
    try:
        document = documents.find_document(source=row.source_id, event_id=row.id)
    except DocumentsUnavailable:
        return None
    if document is None:
        return None
    return ExampleInput(
        source_id=row.source_id,
        payload=plain_payload(document["payload"]),
        timestamp=timestamps.to_text(row.ts),
        received=timestamps.to_text(row.received),
        labels=content.labels.get(row.source_id, {}),
    )
