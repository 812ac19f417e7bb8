"""Inserts rows of dead letters and topics, for tests without a consumer."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from processing.models import DeadLetter, Topic


def raw_topic() -> Topic:
    return Topic.objects.get_or_create(kafka_id=UUID(int=1), defaults={"name": "raw-data"})[0]


def make_letter(line: int, **values: object) -> DeadLetter:
    at = datetime(2009, 3, 1, tzinfo=UTC)
    usual: dict[str, object] = {
        "raw": b"{", "reason": "not_json", "detail": "expected JSON", "stage": "decode", "fingerprint": "f"
    }  # fmt: skip
    place = {"topic": raw_topic(), "partition": 2, "offset": 7, "line": line}
    return DeadLetter.objects.create(**place, received=at, first_seen=at, last_seen=at, **(usual | values))
