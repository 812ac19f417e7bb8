"""Rows in PostgreSQL as the consumer leaves them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from processing.models import Event, LatestValue, RollupMinute, SourceStatistics, Topic

# Before 2010 there is one month for all, which exists from the start.
NOON = datetime(2009, 4, 11, 12, 0, 0, tzinfo=UTC)


@dataclass
class Rows:
    """Writes what a stored event leaves behind."""

    topic: str

    def source(self, source_id: str, *, stored: int = 1, fields_capped: bool = False) -> None:
        SourceStatistics.objects.create(
            source_id=source_id,
            first_seen=NOON,
            last_seen=NOON,
            latest_event=NOON,
            read=stored,
            stored=stored,
            fields_capped=fields_capped,
        )

    def event(self, source_id: str, payload: dict[str, object], *, stored: datetime = NOON) -> UUID:
        topic, _ = Topic.objects.get_or_create(kafka_id=UUID(int=1), name=self.topic)
        return Event.objects.create(
            id=uuid4(),
            source_id=source_id,
            ts=stored,
            received=stored,
            stored=stored,
            payload=payload,
            topic=topic,
            partition=0,
            offset=0,
            line=0,
            content_hash=0,
        ).id

    def field(self, source_id: str, name: str, values: list[float]) -> None:
        """One value a minute, the last one at noon."""
        for number, value in enumerate(values):
            self.minute(source_id, name, NOON - timedelta(minutes=len(values) - 1 - number), value)

    def minute(self, source_id: str, name: str, start: datetime, value: float) -> None:
        RollupMinute.objects.create(
            source_id=source_id,
            field=name,
            start=start,
            count=1,
            sum=value,
            min=value,
            max=value,
            first=value,
            first_ts=start,
            first_id=uuid4(),
            last=value,
            last_ts=start,
            last_id=uuid4(),
        )
        LatestValue.objects.update_or_create(
            source_id=source_id, field=name, defaults={"value": value, "ts": start, "event_id": uuid4()}
        )
