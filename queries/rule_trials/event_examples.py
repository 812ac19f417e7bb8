"""Makes a stored event an example of a rule: what was sent, and what the logic makes of it."""

from __future__ import annotations

from uuid import UUID

from ingestion.auth.read_scope import ReadScope
from ingestion.events import timestamps
from ingestion.events.model import InvalidEvent
from processing.logic.content import Content, Example, ExampleInput
from processing.logic.revisions.checks.examples import Trial
from processing.logic.revisions.loading import Named
from processing.stores.mongodb import documents
from processing.stores.mongodb.documents import StoredDocument
from processing.stores.mongodb.stored_events import plain_payload


class NoExample(Exception):
    """The event can't be made an example. The text says why, for a person."""


def of(address: str, content: Content, named: Named, *, scope: ReadScope) -> Example:
    """Return an event as an example, as a content treats it now.

    :param address: source and id of the event, with a slash between them
    :param named: the schemas and tables of the content
    :raises NoExample: there is no such event, or this release would not accept it
    :raises DocumentsUnavailable: MongoDB, which has what was sent, does not answer
    """
    document = _find(address, scope)
    event = ExampleInput(
        source_id=document["source"],
        payload=plain_payload(document["payload"]),
        timestamp=timestamps.to_text(timestamps.from_micros(document["ts_us"])),
        received=timestamps.to_text(timestamps.from_micros(document["received_us"])),
        labels=content.labels.get(document["source"], {}),
    )
    try:
        return Example(event, Trial(content, named).outcome(event))
    except InvalidEvent as error:
        # An earlier release had other limits.
        raise NoExample(f"This release would not accept the event: {error.detail}.") from error


def _find(address: str, scope: ReadScope) -> StoredDocument:
    source, _, text = address.rpartition("/")
    try:
        event_id = UUID(text)
    except ValueError as error:
        raise NoExample("Expected the source and the id of an event, with a slash between them.") from error
    found = documents.find_document(source=source, event_id=event_id) if scope.includes(source) else None
    if found is None:
        raise NoExample(f"No event {text} of {source} is stored.")
    return found
