"""Turn stored documents and rows back into the events they were made of, and check that they are unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import msgspec
from bson import DBRef

from ingestion.events.identity.content_hash import content_hash
from processing.events.document_ids import source_digest, uuid_text
from processing.events.entries import Entries, Entry
from processing.events.made import Made
from processing.stores.jsonb import load_payload
from processing.stores.mongodb.stored_events import plain_payload

_encode = msgspec.json.Encoder().encode
_POSITION = ("partition", "offset", "line")

# The columns that `events_of_rows` needs, of table alias `e`. Times are in microseconds since the epoch.
ROW_COLUMNS = """
e.source_id, (extract(epoch FROM e.ts) * 1000000)::bigint, uuid_send(e.id), e.payload::text, e.content_hash,
(extract(epoch FROM e.received) * 1000000)::bigint, e.partition, e."offset", e.line, e.rollup_cut IS NOT TRUE,
e.payload_changed IS TRUE, coalesce(e.tags, '{}')
"""


def event_of_document(document: Mapping[str, object]) -> Entry | None:
    """Return the event of a document; None if the document does not match its own hash and id."""
    key, source, payload = document.get("_id"), document.get("source"), document.get("payload")
    numbers = [document.get(name) for name in ("ts_us", "received_us", "hash", *_POSITION)]
    if not isinstance(key, bytes) or not isinstance(source, str) or not isinstance(payload, dict | DBRef):
        return None
    if len(key) != 24 or key[16:] != source_digest(source) or not all(isinstance(one, int) for one in numbers):
        return None
    values = plain_payload(payload)
    ts, received, hash_, partition, offset, line = (int(cast("int", one)) for one in numbers)
    try:
        timed = hash_ == content_hash(ts, values)
        if not timed and hash_ != content_hash(None, values):
            return None
    except TypeError:
        # A type of value that JSON does not have.
        return None
    return Entry(
        key, str(UUID(bytes=key[:16])), source, ts, received, _encode(values), values, hash_,
        partition, offset, line, timed,
    )  # fmt: skip


def topic_of_document(document: Mapping[str, object]) -> UUID | None:
    """Return Kafka's id of the topic that the document's event came from; None if the document has none."""
    found = document.get("topic")
    return UUID(bytes=found) if isinstance(found, bytes) and len(found) == 16 else None


def is_intact_document(document: Mapping[str, object]) -> bool:
    """Check that a document has a topic, and the content that its hash was made of."""
    return event_of_document(document) is not None and topic_of_document(document) is not None


def events_of_rows(rows: Sequence[Sequence[Any]]) -> Entries:
    """Return the events of rows of ROW_COLUMNS, read in binary.

    Their `values` are those of the rows, which logic may have changed; the spelling of their payloads is PostgreSQL's.
    """
    if not rows:
        return Entries()
    sources, times, ids, texts, hashes, received, partitions, offsets, lines, rolled, is_changed, tags = map(
        list, zip(*rows, strict=True)
    )
    values = list(map(load_payload, texts))
    made = [
        Made(own, tuple(some), changed) if changed or some else None
        for own, some, changed in zip(values, tags, is_changed, strict=True)
    ]
    count = len(rows)
    return Entries(
        keys=[id_ + source_digest(source) for id_, source in zip(ids, sources, strict=True)],
        texts=[uuid_text(id_.hex()) for id_ in ids],
        sources=sources,
        times=times,
        received=received,
        payloads=[text.encode() for text in texts],
        values=values,
        hashes=hashes,
        partitions=partitions,
        offsets=offsets,
        lines=lines,
        timed=[True] * count,
        attributes=[b""] * count,
        rolled=rolled,
        made=made,
    )


def is_as_sent(event: Entry) -> bool:
    """Check that an event of a row has the content that its hash was made of, with or without its time.

    A row does not record whether the sender gave the time.
    """
    return event.hash in (content_hash(event.ts, event.values), content_hash(None, event.values))


def is_changed(event: Entry) -> bool:
    """Return whether logic has changed the payload, so that the row no longer has what was sent."""
    return event.made is not None and event.made.is_changed
