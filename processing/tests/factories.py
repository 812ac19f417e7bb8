"""Entries, records and lines for tests; what matters stands in the test."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from uuid import UUID, uuid5

from ingestion.events import timestamps
from ingestion.events.identity.content_hash import content_hash
from ingestion.events.parser import parse_event
from ingestion.kafka import producer, record_encoder
from ingestion.kafka.producer_record import ProducerRecord
from ingestion.kafka.record_headers import Headers
from processing.events.batch import Record
from processing.events.document_ids import source_digest
from processing.events.entries import Entry
from processing.events.rollups import Span, Spans
from processing.tests.reference_rollups import Rollups, Sent, Statistics

NOON = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z, microseconds
_SPACE = UUID(int=7)


def event_id(number: int) -> str:
    return str(uuid5(_SPACE, str(number)))


def make_sent(number: int, *, source: str = "sensor-1", ts: int = NOON, payload: dict[str, object]) -> Sent:
    return Sent(source, event_id(number), ts, payload)


def make_entry(sent: Sent, *, text: bytes | None = None, place: tuple[int, int, int] = (0, 0, 0)) -> Entry:
    """The entry of an event, as decoding makes it; `text` where the payload's spelling matters."""
    id_ = UUID(sent.id).bytes
    return Entry(
        key=id_ + source_digest(sent.source),
        text=sent.id,
        source=sent.source,
        ts=sent.ts,
        received=NOON,
        payload=text or json.dumps(sent.payload, ensure_ascii=False).encode(),
        values=sent.payload,
        hash=content_hash(sent.ts, sent.payload),
        partition=place[0],
        offset=place[1],
        line=place[2],
    )


def line(
    number: int, payload: bytes = b"{}", *, source: str = "sensor-1", ts: int = NOON, received: int = NOON
) -> bytes:
    """One canonical line, right or forged."""
    return b'{"id":"%b","source":"%b","ts":%d,"received":%d,"payload":%b}' % (
        event_id(number).encode(), source.encode(), ts, received, payload
    )  # fmt: skip


def record(
    *lines: bytes, partition: int = 0, offset: int = 0, headers: Headers | None = None, time: int = NOON
) -> Record:
    """A record of ours, unless `headers` say otherwise."""
    return Record(
        partition,
        offset,
        time,
        b"\n".join(lines),
        record_encoder.headers(count=len(lines)) if headers is None else headers,
    )


def put(topic: str, *lines: bytes, partition: int = 0, headers: Headers | None = None) -> None:
    """Put a record straight into a topic, past the receiver."""
    marks = record_encoder.headers(count=len(lines)) if headers is None else headers
    put_all(topic, [b"\n".join(lines)], partition=partition, headers=marks)


def put_events(topic: str, *events: Mapping[str, object]) -> None:
    """Put events into a topic as one record, as a receiver does."""
    now = timestamps.now()
    parsed = [parse_event(json.dumps(event).encode(), now=now) for event in events]
    put(topic, *[record_encoder.line(event, received=now) for event in parsed])


def put_all(topic: str, values: list[bytes], *, partition: int = 0, headers: Headers | None = None) -> None:
    """Put many records, plain ones unless `headers` say otherwise."""
    _send(topic, [ProducerRecord(partition, None, value, headers or []) for value in values])


def put_sizes(topic: str, sizes: Iterable[int], *, partition: int = 0) -> None:
    """Put records of ours with so many lines each, which are no events."""
    _send(
        topic,
        [
            ProducerRecord(partition, None, b"\n".join([b"{}"] * size), record_encoder.headers(count=size))
            for size in sizes
        ],
    )


def _send(topic: str, records: list[ProducerRecord]) -> None:
    client = producer.open_producer()
    try:
        producer.send_all(client, topic, records, timeout=10)
    finally:
        producer.close_producer(client, timeout=1)


def good_lines(count: int, *, first: int = 0) -> list[bytes]:
    """Lines of sensor-1 in the public format, each with another payload."""
    return [
        f'{{"sourceId":"sensor-1","timestamp":"2026-03-01T12:00:00Z","payload":{{"n":{first + number}}}}}'.encode()
        for number in range(count)
    ]


def as_rollups(spans: Spans, *, span: int) -> Rollups:
    """Write the product's sums as the reference does."""
    return {
        (source, field, start * span): _statistics(one)
        for (source, start), fields in spans.items()
        for field, one in fields.items()
    }


def _statistics(one: Span) -> Statistics:
    return Statistics(
        one.count, one.sum, one.min, one.max,
        one.first, one.first_ts, str(UUID(bytes=one.first_id)),
        one.last, one.last_ts, str(UUID(bytes=one.last_id)),
    )  # fmt: skip
