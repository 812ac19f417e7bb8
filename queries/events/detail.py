"""One event: its row, its position in Kafka and its raw document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from processing.jobs import queue
from processing.stores.jsonb import load_payload
from processing.stores.mongodb import documents
from processing.stores.mongodb.documents import MAX_NAMESAKES, DocumentsUnavailable, StoredDocument
from queries.events.listing import COLUMNS
from queries.reads import postgres
from queries.reads.condition import Argument, Condition
from queries.request.times import format_time, from_micros
from queries.schemas import DocumentShape, DocumentState, EventDetail, EventShape, Origin, RequestShape

# UUIDs of these versions begin with milliseconds since the epoch (RFC 9562); ids made here with the event time.
_TIMED_VERSIONS = {7, 8}
_COLUMNS = COLUMNS.replace("id, source_id", "events.id, source_id", 1)
_MAX_MILLISECONDS = 253_402_300_799_000  # 9999-12-31T23:59:59Z


class EventRow(NamedTuple):
    """The columns of a row of the table `events` that the API shows; `payload` is JSON text."""

    id: UUID
    source_id: str
    ts: datetime
    received: datetime
    stored: datetime
    payload: str
    tags: list[str] | None


class Making(NamedTuple):
    """What made a row: a revision of logic, and a replay if the consumer did not."""

    revision: int | None
    replay: int | None


Found = tuple[EventRow, Origin, Making]


class EventNotFound(Exception):
    """No stored event has this id; answer 404."""


class EventUncertain(Exception):
    """MongoDB, which leads from an id to its event, does not answer or is being restored; answer 503."""


class AmbiguousEvent(Exception):
    """Several sources have an event with this id; answer 409 and list them."""

    def __init__(self, sources: list[str]) -> None:
        super().__init__()
        self.sources = sources


class Findings(NamedTuple):
    """What the stores have under one id."""

    rows: list[Found]
    documents: list[StoredDocument]
    documents_state: DocumentState  # of sources without a document

    def document_of(self, source: str) -> StoredDocument | None:
        """Return the raw document of a source's event."""
        return next((one for one in self.documents if one["source"] == source), None)

    def state_of(self, source: str) -> DocumentState:
        """Return whether a source has a document."""
        return "found" if self.document_of(source) else self.documents_state


def find(event_id: UUID, *, scope: ReadScope) -> Findings:
    """Look up an id in both stores, among the sources in the scope.

    MongoDB is read first: the key of a document begins with the event's id, and the document has the source and the
    time, which are the key of the row in PostgreSQL. A row is visible only after its document. An id that contains its
    event time leads to the row by itself. Rows are never searched, since no index of theirs begins with an id.

    :raises ReadUnavailable: PostgreSQL does not answer, or not in time
    """
    raw, state = _documents(event_id, scope)
    way = _by_keys(event_id, raw)
    if not way.text:
        return Findings([], raw, state)
    with postgres.bounded():
        return Findings(_select(event_id, scope, way), raw, state)


def require_certainty(found: Findings) -> None:
    """Check that what was not found is not there.

    :raises EventUncertain: it may be there
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        restoring = queue.unfinished(documents.RESTORE_JOB).exists()
    if restoring or found.documents_state == "unavailable":
        raise EventUncertain


def read(event_id: UUID, *, source_id: str | None = None, scope: ReadScope, raw: bool) -> EventDetail:
    """Return one event.

    :param raw: the reader may read raw documents
    :raises EventNotFound: no event has this id
    :raises EventUncertain: MongoDB, which would lead to it, does not answer or is being restored
    :raises AmbiguousEvent: `source_id` is None and several sources in the scope have an event with this id
    :raises ReadUnavailable: PostgreSQL does not answer, or not in time
    """
    found = find(event_id, scope=scope.narrowed(source_id))
    if not found.rows:
        require_certainty(found)
        raise EventNotFound
    if len(found.rows) > 1:
        raise AmbiguousEvent(sorted({row.source_id for row, *_ in found.rows}))
    [(row, origin, making)] = found.rows
    document = found.document_of(row.source_id) if raw else None
    return {
        **_shape(row),
        "origin": origin,
        "revision": making.revision,
        "replay": making.replay,
        "document": None if document is None else _document_shape(document, event_id),
        "documentState": found.state_of(row.source_id) if raw else "not_allowed",
    }


def _shape(row: EventRow) -> EventShape:
    return {
        "eventId": str(row.id),
        "sourceId": row.source_id,
        "timestamp": format_time(row.ts),
        "receivedAt": format_time(row.received),
        "storedAt": format_time(row.stored),
        "payload": load_payload(row.payload),
        "tags": row.tags or [],
    }


def _documents(event_id: UUID, scope: ReadScope) -> tuple[list[StoredDocument], DocumentState]:
    try:
        return documents.find_documents(event_id, scope=scope), "absent"
    except DocumentsUnavailable:
        return [], "unavailable"


def _by_keys(event_id: UUID, raw: Sequence[StoredDocument]) -> Condition:
    """Return a condition for the keys in the documents, or for the time in the id."""
    ways: list[str] = []
    values: list[Argument] = []
    if raw:
        ways.append(f"(source_id, ts) IN ({', '.join(['(%s, %s)'] * len(raw))})")
        for one in raw:
            values += [one["source"], from_micros(one["ts_us"])]
    milliseconds = event_id.int >> 80
    if event_id.version in _TIMED_VERSIONS and milliseconds < _MAX_MILLISECONDS:
        start = from_micros(milliseconds * 1_000)
        ways.append("(ts >= %s AND ts < %s)")
        values += [start, start + timedelta(milliseconds=1)]
    return Condition(" OR ".join(ways), values)


def _select(event_id: UUID, scope: ReadScope, way: Condition) -> list[Found]:
    own, sources = scope.condition()
    statement = f"""
        SELECT {_COLUMNS}, coalesce(topic.name, ''), partition, "offset", line, revision, replay
        FROM events LEFT JOIN topic ON topic.id = events.topic_id
        WHERE events.id = %s AND {own} AND ({way.text}) LIMIT {MAX_NAMESAKES}
    """  # noqa: S608 - made of constants
    with connection.cursor() as cursor:
        cursor.execute(statement, [event_id, *sources, *way.values])
        return [_found(row) for row in cursor.fetchall()]


def _found(row: tuple[Any, ...]) -> Found:
    topic, partition, offset, line, revision, replay = row[-6:]
    origin: Origin = {"topic": topic, "partition": partition, "offset": offset, "line": line}
    return EventRow(*row[:-6]), origin, Making(revision, replay)


def request_shape(found: Mapping[str, str] | None) -> RequestShape:
    """Return what is known of the request that brought an event."""
    shape: RequestShape = {}
    if found and "id" in found:
        shape["id"] = found["id"]
    if found and "traceparent" in found:
        shape["traceparent"] = found["traceparent"]
    return shape


def _document_shape(document: StoredDocument, event_id: UUID) -> DocumentShape:
    return {
        "id": document["_id"].hex(),
        "eventId": str(event_id),
        "sourceId": document["source"],
        "timestamp": format_time(from_micros(document["ts_us"])),
        "receivedAt": format_time(from_micros(document["received_us"])),
        "payload": document["payload"],
        "attributes": document.get("attributes", {}),
        "request": request_shape(document.get("request")),
        "contentHash": f"{document['hash'] % 2**64:016x}",
        "origin": {
            "topicId": str(UUID(bytes=bytes(document["topic"]))),
            "partition": document["partition"],
            "offset": document["offset"],
            "line": document["line"],
        },
    }
