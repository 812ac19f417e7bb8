"""What the consumer tells the dashboard, through Redis: one frame per 250 ms, best effort."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import TypedDict

import msgspec
import redis

from ingestion.events import timestamps
from ingestion.runtime import redis_client, signed_values
from processing.events.batch import Batch
from processing.events.entries import Entry
from processing.events.ledger_deltas import LedgerDelta, LedgerDeltas
from processing.events.rollups import Span, Spans

logger = logging.getLogger(__name__)

CHANNEL = "dataflow:live"
FRAME_INTERVAL = 0.25  # seconds
TAIL_EVENTS = 20  # in one frame
REDIS_TIMEOUT = 0.25  # seconds


class TailEvent(TypedDict):
    """One of the newest events, as GET /data shows it (times RFC 3339)."""

    eventId: str
    sourceId: str
    timestamp: str
    receivedAt: str
    storedAt: str
    payload: dict[str, object]
    tags: list[str]


class SourceFrame(TypedDict):
    """What one source did since the member's frame before; times in microseconds since the epoch."""

    read: int
    stored: int
    duplicate: int
    deadLettered: int
    dropped: int
    lastSeen: int
    # field -> [event time, value], newest event in this frame only
    values: dict[str, tuple[int, float]]


class ConsumerFrame(TypedDict):
    """One message on CHANNEL, signed JSON. Counters are increments, so frames of several consumers add up."""

    member: str
    at: int  # microseconds since the epoch, the consumer's clock
    sources: dict[str, SourceFrame]  # "" holds lines whose source can't be read
    tail: list[TailEvent]  # at most TAIL_EVENTS of the newest
    seen: int  # events stored in this frame, of which `tail` shows some


def encode(frame: ConsumerFrame) -> bytes:
    """Return the message on CHANNEL."""
    return signed_values.sign(CHANNEL, msgspec.json.encode(frame))


def decode(message: object) -> ConsumerFrame | None:
    """Parse a message on CHANNEL; None: no consumer of this release sent it."""
    body = signed_values.verify(CHANNEL, message)
    try:
        return None if body is None else _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


_decode = msgspec.json.Decoder(ConsumerFrame).decode


class LivePublisher:
    """Gathers what batches did and publishes it to Redis every FRAME_INTERVAL, from a thread of its own.

    Best effort: without Redis frames are dropped, and nothing waits for it.
    """

    def __init__(self, member: str) -> None:
        self._member = member
        self._lock = threading.Lock()
        self._frame = _empty(member)
        self._stopping = threading.Event()
        self._redis = redis_client.connect_from_thread(timeout=REDIS_TIMEOUT)
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Publish the remaining changes, and end."""
        self._stopping.set()
        self._thread.join(timeout=1.0)

    def announce(self, batch: Batch, gains: LedgerDeltas, spans: Spans) -> None:
        """Add one stored batch to the coming frame; costs some microseconds for each source and field."""
        with self._lock:
            for (source, _, _), gain in gains.items():
                _add_gain(self._frame["sources"].setdefault(source, _quiet()), gain)
            for (source, _), fields in spans.items():
                _add_values(self._frame["sources"].setdefault(source, _quiet())["values"], fields)
            tail = [tail_event(entry, batch.stored_at) for entry in batch.stored[-TAIL_EVENTS:]]
            self._frame["tail"] = (self._frame["tail"] + tail)[-TAIL_EVENTS:]
            self._frame["seen"] += len(batch.stored)

    def _run(self) -> None:
        while not self._stopping.wait(FRAME_INTERVAL):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            frame = self._frame
            if not frame["sources"]:
                return
            self._frame = _empty(self._member)
        frame["at"] = timestamps.now()
        try:
            self._redis.publish(CHANNEL, encode(frame))
        except redis.RedisError as error:
            logger.debug("live frame dropped", extra={"reason": type(error).__name__})


def tail_event(entry: Entry, stored: int) -> TailEvent:
    """Show an event as GET /data does."""
    row = entry.row
    return {
        "eventId": entry.text,
        "sourceId": entry.source,
        "timestamp": rfc3339(entry.ts),
        "receivedAt": rfc3339(entry.received),
        "storedAt": rfc3339(stored),
        "payload": row.values,
        "tags": list(row.tags),
    }


def rfc3339(microseconds: int) -> str:
    """Write a time, in microseconds since the epoch, as RFC 3339 in UTC."""
    return timestamps.to_text(timestamps.from_micros(microseconds))


def _empty(member: str) -> ConsumerFrame:
    return {"member": member, "at": 0, "sources": {}, "tail": [], "seen": 0}


def _quiet() -> SourceFrame:
    return {"read": 0, "stored": 0, "duplicate": 0, "deadLettered": 0, "dropped": 0, "lastSeen": 0, "values": {}}


def _add_gain(frame: SourceFrame, gain: LedgerDelta) -> None:
    frame["read"] += gain.read
    frame["stored"] += gain.stored
    frame["duplicate"] += gain.duplicate
    frame["deadLettered"] += gain.dead_lettered
    frame["dropped"] += gain.dropped
    frame["lastSeen"] = max(frame["lastSeen"], gain.last_seen)


def _add_values(values: dict[str, tuple[int, float]], fields: Mapping[str, Span]) -> None:
    for name, span in fields.items():
        if name not in values or span.last_ts >= values[name][0]:
            values[name] = (span.last_ts, span.last)
