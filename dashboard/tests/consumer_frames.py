"""Consumers' frames made for tests."""

from __future__ import annotations

from processing.live_feed import ConsumerFrame, SourceFrame, TailEvent


def source_frame(*, stored: int = 0, at: int = 0, **values: tuple[int, float]) -> SourceFrame:
    return {
        "read": stored,
        "stored": stored,
        "duplicate": 0,
        "deadLettered": 0,
        "dropped": 0,
        "lastSeen": at,
        "values": values,
    }


def tail_event(name: str, source_id: str = "sensor-1") -> TailEvent:
    time = "2025-04-11T12:00:00Z"
    return {
        "eventId": name,
        "sourceId": source_id,
        "timestamp": time,
        "receivedAt": time,
        "storedAt": time,
        "payload": {"temperature": 23.5},
        "tags": [],
    }


def consumer_frame(sources: dict[str, SourceFrame], tail: list[TailEvent] | None = None) -> ConsumerFrame:
    stored = sum(source["stored"] for source in sources.values())
    return {"member": "one", "at": 0, "sources": sources, "tail": tail or [], "seen": stored}
