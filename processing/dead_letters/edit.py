"""Edit a dead letter: validate the changed event, and build the line that is sent instead."""

from __future__ import annotations

import msgspec
from django.conf import settings

from ingestion.events import timestamps
from ingestion.events.identity import event_ids
from ingestion.events.model import Event, InvalidEvent
from ingestion.events.parser import parse_event
from ingestion.kafka import record_decoder, record_encoder
from ingestion.problems import Code
from processing.dead_letters import rendering
from processing.models import DeadLetter


def edit_letter(letter: DeadLetter, text: bytes, *, now: int) -> bytes:
    """Return the canonical line of an edited event; its time of receipt does not change.

    :param text: the event in the public format
    :param now: microseconds since the epoch
    :raises InvalidEvent: `text` is not a valid event
    """
    if len(text) > settings.DATAFLOW_MAX_EVENT_BYTES:
        raise InvalidEvent(
            Code.EVENT_TOO_LARGE, f"expected at most {settings.DATAFLOW_MAX_EVENT_BYTES} bytes, got {len(text)}"
        )
    event = parse_event(_compact(text), now=now)
    if letter.reason == Code.ID_CONFLICT and (event.source, event.id) == (letter.source_id, str(letter.event_id)):
        event = _with_derived_id(event)
    lines = rendering.canonical_lines(letter)
    if len(lines) == 1:
        event = _with_hidden_fields(event, lines[0])
    return record_encoder.line(event, received=timestamps.to_micros(letter.received))


def _compact(text: bytes) -> bytes:
    """Remove white space between tokens, which an editor adds."""
    try:
        return msgspec.json.format(text, indent=-1)
    except (msgspec.MsgspecError, RecursionError):
        # parse_event reports the error.
        return text


def _with_derived_id(event: Event) -> Event:
    """Replace the id, which belongs to other content. A derived id makes a repeated redrive harmless."""
    content = b"\n".join((event.source.encode(), b"%d" % event.ts, event.payload))
    return msgspec.structs.replace(event, id=event_ids.derived_id(content, event.ts))


def _with_hidden_fields(event: Event, before: record_decoder.EventLine) -> Event:
    """Keep what the public format can't express, as far as it still applies."""
    return msgspec.structs.replace(
        event,
        timed=before.timed or event.ts != before.ts,
        attributes=bytes(before.attributes) if event.source == before.source else b"",
    )
