"""Writes rows and documents as the consumer does, and reads the API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection
from django.test import Client
from mongoengine.connection import get_db

from processing.events.document_ids import document_id
from processing.models import Event, LatestValue, RollupHour, RollupMinute, SourceStatistics, Topic
from processing.stores.mongodb import documents

# Before 2010 there is one partition for all months, which exists from the start.
NOON = datetime(2009, 4, 11, 12, 0, 0, tzinfo=UTC)
TOPIC_ID = UUID(int=7)


def get(address: str, **headers: str) -> Any:
    """Read JSON in this process, as the web process would answer."""
    response = Client(raise_request_exception=False).get(address, headers=headers)
    assert response.status_code == 200, response.content
    return response.json()


def refused(address: str) -> tuple[int, dict[str, Any]]:
    """Read a problem in this process."""
    response = Client(raise_request_exception=False).get(address)
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, cast("dict[str, Any]", response.json())


def walk(address: str, member: str = "next") -> list[dict[str, Any]]:
    """Follow the pages to their end."""
    found: list[dict[str, Any]] = []
    following: str | None = address
    while following is not None:
        page = get(following)
        found += page["results"]
        following = page[member]
    return found


def timed_id(ts: datetime = NOON) -> UUID:
    """An id that begins with the milliseconds of a time, as derived ones do."""
    milliseconds = int(ts.timestamp() * 1_000)
    return UUID(int=(milliseconds << 80) | (0x8 << 76) | (0x2 << 62) | (uuid4().int & (2**62 - 1)))


def topic() -> Topic:
    """Return the topic that all events are from, which the first call stores."""
    return _topic_of(settings.POSTGRES_DB)


# Some tests make thousands of events.
@cache
def _topic_of(_database: str) -> Topic:
    return Topic.objects.get_or_create(kafka_id=TOPIC_ID, defaults={"name": settings.KAFKA_TOPIC_RAW_DATA})[0]


def make_event(
    source_id: str = "sensor-1",
    *,
    ts: datetime = NOON,
    payload: object = None,
    event_id: UUID | None = None,
    offset: int = 0,
) -> Event:
    return Event(
        id=event_id or uuid4(),
        source_id=source_id,
        ts=ts,
        received=NOON,
        stored=datetime.now(tz=UTC),
        payload=payload if payload is not None else {"temperature": 1.5},
        topic=topic(),
        partition=3,
        offset=offset,
        line=2,
        content_hash=-5,
    )


def store(*events: Event) -> list[str]:
    """Store rows; gives their ids."""
    return [str(event.id) for event in Event.objects.bulk_create(events)]


def store_text(payload: str, *, source_id: str = "sensor-1") -> None:
    """Store a payload as this very JSON text."""
    event = make_event(source_id)
    store(event)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events SET payload = %s::jsonb WHERE id = %s", [payload, event.id])


def series(count: int, *, source_id: str = "sensor-1", step: timedelta = timedelta(seconds=1)) -> list[Event]:
    return [make_event(source_id, ts=NOON + number * step, offset=number) for number in range(count)]


def store_document(event: Event) -> None:
    documents.connect()
    micros = (event.ts - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    get_db(documents.ALIAS)["events"].insert_one(
        {
            "_id": document_id(event.id, event.source_id),
            "source": event.source_id,
            "ts": event.ts,
            "ts_us": micros,
            "received_us": micros,
            "payload": event.payload,
            "hash": event.content_hash,
            "topic": TOPIC_ID.bytes,
            "partition": event.partition,
            "offset": event.offset,
            "line": event.line,
        }
    )


def roll_up(source_id: str, field: str, readings: Iterable[tuple[datetime, float]]) -> None:
    """Write the rollups of these readings, minute and hour, the first and the last event, and the latest value."""
    readings = sorted(readings)
    for ts, value in {readings[0], readings[-1]}:
        store(make_event(source_id, ts=ts, payload={field: value}))
    LatestValue.objects.create(
        source_id=source_id, field=field, value=readings[-1][1], ts=readings[-1][0], event_id=uuid4()
    )
    for model, width in ((RollupMinute, timedelta(minutes=1)), (RollupHour, timedelta(hours=1))):
        buckets: dict[datetime, list[float]] = {}
        for ts, value in readings:
            buckets.setdefault(ts - (ts - NOON) % width, []).append(value)
        for start, values in buckets.items():
            model.objects.create(
                source_id=source_id, field=field, start=start, count=len(values), sum=sum(values),
                min=min(values), max=max(values), first=values[0], first_ts=start, first_id=uuid4(),
                last=values[-1], last_ts=start, last_id=uuid4(),
            )  # fmt: skip


def account(source_id: str, *, read: int = 1, last_seen: datetime = NOON, **outcomes: int) -> None:
    SourceStatistics.objects.create(
        source_id=source_id, first_seen=NOON, last_seen=last_seen, latest_event=NOON, read=read, **outcomes
    )


def latest(source_id: str, values: Sequence[tuple[str, float]]) -> None:
    LatestValue.objects.bulk_create(
        LatestValue(source_id=source_id, field=field, value=value, ts=NOON, event_id=uuid4()) for field, value in values
    )


def ids(results: Iterable[dict[str, Any]]) -> list[str]:
    return [event["eventId"] for event in results]


def as_json(value: object) -> str:
    return json.dumps(value, sort_keys=True)
