"""Inserts rows of dead letters and topics, for tests without a consumer."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from ingestion.events import timestamps
from processing.events.document_ids import document_id
from processing.models import DeadLetter, Event, Topic
from processing.stores.mongodb import documents


def raw_topic() -> Topic:
    return Topic.objects.get_or_create(kafka_id=UUID(int=1), defaults={"name": "raw-data"})[0]


def make_letter(line: int, **values: object) -> DeadLetter:
    at = datetime(2009, 3, 1, tzinfo=UTC)
    usual: dict[str, object] = {
        "raw": b"{", "reason": "not_json", "detail": "expected JSON", "stage": "decode", "fingerprint": "f"
    }  # fmt: skip
    place = {"topic": raw_topic(), "partition": 2, "offset": 7, "line": line}
    return DeadLetter.objects.create(**place, received=at, first_seen=at, last_seen=at, **(usual | values))


def make_row(*, source: str, payload: dict[str, object], document: bool = False) -> Event:
    """Store the row of an event, and its document if asked for."""
    at, topic = datetime(2009, 3, 1, tzinfo=UTC), raw_topic()
    row = Event.objects.create(
        id=uuid4(), source_id=source, ts=at, received=at, stored=at, payload=payload, topic=topic, partition=2, offset=7,
        line=0, content_hash=5,
    )  # fmt: skip
    if document:
        micros = timestamps.to_micros(at)
        kept = {"_id": document_id(row.id, source), "source": source, "ts_us": micros, "received_us": micros}
        place = {"topic": topic.kafka_id.bytes, "partition": 2, "offset": 7, "line": 0}
        documents.database()["events"].insert_one({**kept, **place, "payload": payload, "hash": 5})
    return row
