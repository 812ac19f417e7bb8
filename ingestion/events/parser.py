"""The event parser that all receivers and the consumer share."""

from __future__ import annotations

import msgspec

from ingestion.events import payload_checks, strict_parser, timestamps
from ingestion.events.identity import event_ids, source_ids
from ingestion.events.model import MAX_AHEAD, SOURCE_ID_PATTERN, Event, InvalidEvent

__all__ = [
    "SOURCE_ID_PATTERN",
    "Envelope",
    "Event",
    "InvalidEvent",
    "build_event",
    "has_escaped_nul_or_colon",
    "parse_event",
    "parse_event_fast",
]


class Envelope(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An event as most senders write it; other spellings are left to the strict parser."""

    sourceId: str  # noqa: N815
    timestamp: str | int
    payload: msgspec.Raw
    eventId: str | None = None  # noqa: N815


_decode = msgspec.json.Decoder(Envelope).decode


def parse_event(text: bytes, *, now: int) -> Event:
    """Parse one JSON event.

    :param now: microseconds since the epoch; an event may be at most 24 h ahead of it
    :raises InvalidEvent: it breaks the contract
    """
    return build_event(parse_fast(text, now=now) or strict_parser.read(text, now=now))


def parse_event_fast(text: bytes, *, now: int) -> Event | None:
    """Parse a common event fast; None: use parse_event()."""
    reading = parse_fast(text, now=now)
    return reading and build_event(reading)


def build_event(reading: strict_parser.ParsedFields) -> Event:
    """Build an event of checked fields: put the payload on one line, derive an id if it has none."""
    source = source_ids.known.get(reading.source) or reading.source.encode()
    payload = reading.payload.translate(None, b"\r\n")
    event_id = reading.id or event_ids.derived_id(b"\n".join((source, reading.stamp.encode(), payload)), reading.ts)
    return Event(event_id, reading.source, reading.ts, payload)


def parse_fast(text: bytes, *, now: int) -> strict_parser.ParsedFields | None:
    """Parse a common event fast; None: use the strict parser."""
    try:
        return _parse_fast(text, now=now)
    except (msgspec.MsgspecError, InvalidEvent, ValueError, RecursionError):
        return None


def _parse_fast(text: bytes, *, now: int) -> strict_parser.ParsedFields | None:
    if has_escaped_nul_or_colon(text):
        return None
    envelope = _decode(text)
    if envelope.sourceId not in source_ids.known:
        source_ids.check(envelope.sourceId)
    event_id = envelope.eventId
    if event_id is not None and (event_id == event_ids.NIL or not event_ids.is_canonical(event_id)):
        return None
    stamp = str(envelope.timestamp)
    ts = timestamps.read(envelope.timestamp)
    if not 0 <= ts <= now + MAX_AHEAD:
        return None
    payload = bytes(envelope.payload)
    values = payload_checks.decode(payload)
    if values is None:
        return None
    # Each member has one colon outside of strings, so an equal count proves that there was no duplicate key.
    fields = 3 if event_id is None else 4
    colons = text.count(b":") - fields - stamp.count(":") - envelope.sourceId.count(":")
    if colons != len(values) and colons != payload_checks.colons(values):
        return None
    return strict_parser.ParsedFields(envelope.sourceId, stamp, ts, event_id, payload)


def has_escaped_nul_or_colon(text: bytes) -> bool:
    """Return whether a text may contain an escaped NUL, or an escaped colon, which `payloads.colons` would count wrongly.

    :raises UnicodeDecodeError: the text is not UTF-8
    """
    if not text.isascii():
        text.decode()
    return b"\\" in text and (b"\\u0000" in text or b"\\u003" in text)
