"""Parses a batch fast: checks all its events at once, column by column. Whatever is unusual is left to the other parsers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from ingestion.events import payload_checks, timestamps
from ingestion.events.batch import BatchLimits, ParsedBatch, too_many_events
from ingestion.events.identity import event_ids, source_ids
from ingestion.events.json_scanner import has_one_object_a_line
from ingestion.events.model import (
    MAX_AHEAD,
    MAX_KEY_LENGTH,
    MAX_KEYS,
    MAX_NUMBER_LENGTH,
    SOURCE_ID_PATTERN,
    Event,
    InvalidEvent,
)
from ingestion.events.parser import Envelope, has_escaped_nul_or_colon

_decode_array = msgspec.json.Decoder(list[Envelope]).decode
_decode_lines = msgspec.json.Decoder(Envelope).decode_lines
_UNUSUAL = (InvalidEvent, msgspec.MsgspecError, ValueError, RecursionError)


class Columns(NamedTuple):
    """The fields of a batch's events, each list in the order of the batch."""

    names: list[str]  # source ids
    stamps: list[str | int]  # timestamps, as sent
    texts: list[bytes]  # payloads, as sent
    given: list[str | None]  # event ids


class _Sources(NamedTuple):
    """The sources of a batch's events, in the order of the batch."""

    ids: list[bytes]
    all_known: bool  # all are in the cache of source ids


def parse_array(body: bytes, *, now: int, limits: BatchLimits) -> ParsedBatch | None:
    """Parse an array of events; None: parse it event by event.

    :raises RequestRejected: too many events
    """
    try:
        if has_escaped_nul_or_colon(body):
            return None
        envelopes = _decode_array(body)
        if len(envelopes) > limits.max_batch_events:
            raise too_many_events(limits)
        return _parse(envelopes, body, is_folded=b"\n" in body or b"\r" in body, now=now)
    except _UNUSUAL:
        return None


def parse_lines(body: bytes, *, now: int, limits: BatchLimits) -> ParsedBatch | None:
    """Parse lines of events; None: parse them line by line.

    :raises RequestRejected: too many events
    """
    try:
        if has_escaped_nul_or_colon(body):
            return None
        envelopes = _decode_lines(body)
        if not has_one_object_a_line(body, len(envelopes)):
            return None
        if len(envelopes) > limits.max_batch_events:
            raise too_many_events(limits)
        return _parse(envelopes, body, is_folded=b"\r" in body, now=now)
    except _UNUSUAL:
        return None


def parse_columns(columns: Columns, *, now: int, single: bool) -> ParsedBatch | None:
    """Parse events whose fields were read elsewhere; None: parse them event by event.

    :param single: the events are one that was sent alone
    """
    try:
        # No JSON string contains a newline, so texts that are invalid alone can't be valid when joined.
        body = b"\n".join(columns.texts)
        if has_escaped_nul_or_colon(body):
            return None
        stamps, times = _times(columns.stamps)
        sources = _sources(columns.names) if _are_in_range(times, now=now) else None
        if sources is None or not _are_valid(columns.texts, colons=body.count(b":")):
            return None
        is_folded = b"\r" in body or body.count(b"\n") >= len(times)
        return _build(columns, sources, stamps, times, is_folded=is_folded, single=single)
    except _UNUSUAL:
        return None


def fits(events: Sequence[Event], body: bytes, *, max_event_bytes: int) -> bool:
    """Check that no event of a body can be larger than the limit."""
    if len(body) <= max_event_bytes:
        return True
    sizes = [len(event.payload) for event in events]
    return max(sizes, default=0) + len(body) - sum(sizes) <= max_event_bytes


def _parse(envelopes: list[Envelope], body: bytes, *, is_folded: bool, now: int) -> ParsedBatch | None:
    if not envelopes:
        return ParsedBatch([], None, [], single=False, all_known=True)
    columns = Columns(
        [envelope.sourceId for envelope in envelopes],
        [envelope.timestamp for envelope in envelopes],
        [bytes(envelope.payload) for envelope in envelopes],
        [envelope.eventId for envelope in envelopes],
    )
    stamps, times = _times(columns.stamps)
    sources = _sources(columns.names) if _are_in_range(times, now=now) else None
    if sources is None:
        return None
    # The colons outside of payloads: one for each member, and those in values.
    colons = (
        4 * len(times) - columns.given.count(None) + b"".join(stamps).count(b":") + b"".join(sources.ids).count(b":")
    )
    if not _are_valid(columns.texts, colons=body.count(b":") - colons):
        return None
    return _build(columns, sources, stamps, times, is_folded=is_folded, single=False)


def _are_in_range(times: list[int], *, now: int) -> bool:
    return min(times) >= 0 and max(times) <= now + MAX_AHEAD


def _sources(names: list[str]) -> _Sources | None:
    """Check the sources of a batch; None: an id is not valid."""
    ids = [source_ids.known.get(name, b"") for name in names]
    if all(ids):
        return _Sources(ids, all_known=True)
    # Before Kafka has acknowledged an event of a source, all batches of it come here, however many there are.
    if not all(map(SOURCE_ID_PATTERN.fullmatch, set(names).difference(source_ids.known))):
        return None
    return _Sources([name.encode() for name in names], all_known=False)


def _build(
    columns: Columns, sources: _Sources, stamps: list[bytes], times: list[int], *, is_folded: bool, single: bool
) -> ParsedBatch:
    """Build the batch of checked fields, each payload on one line."""
    texts, given = columns.texts, columns.given
    if is_folded:
        texts = [text.translate(None, b"\r\n") for text in texts]
    contents = list(map(b"\n".join, zip(sources.ids, stamps, texts, strict=True)))
    ids: Iterable[str] = event_ids.derived_ids(contents, times)
    if given.count(None) != len(given):
        ids = map(_id, given, ids)
    events = list(map(Event, ids, columns.names, times, texts))
    return ParsedBatch(events, None, [], single, all_known=sources.all_known)


def _times(stamps: list[str | int]) -> tuple[list[bytes], list[int]]:
    try:
        texts = "\n".join(stamps).encode().split(b"\n")  # type: ignore[arg-type]
    except TypeError:
        return [str(stamp).encode() for stamp in stamps], [timestamps.read(stamp) for stamp in stamps]
    if len(texts) == len(stamps) and timestamps.COMMON_SHAPES.issuperset(_shapes(texts)):
        epoch, microsecond = timestamps.EPOCH, timestamps.MICROSECOND
        instants = map(datetime.fromisoformat, stamps)  # type: ignore[arg-type]
        return texts, [(instant - epoch) // microsecond for instant in instants]
    return texts, [timestamps.read(stamp) for stamp in stamps]


def _shapes(texts: list[bytes]) -> list[bytes]:
    return b"\n".join(texts).translate(timestamps.DIGITS_TO_ZERO).split(b"\n")


def _are_valid(texts: list[bytes], *, colons: int) -> bool:
    """Check that all payloads are valid, by the number of colons in their texts; False: possibly not."""
    longest = max(map(len, texts))
    decode = payload_checks.decode_flat if longest > MAX_KEY_LENGTH else payload_checks.decode_short
    values = list(map(decode, texts))
    counts = list(map(len, values))
    if max(counts) > MAX_KEYS or sum(counts) != colons:
        return False
    is_long = longest > MAX_NUMBER_LENGTH
    # Few payloads hold a zero, and only those and long ones may hold odd numbers: 0.2 in place of 0.6 us a payload.
    without_zero = map(all, map(dict.values, values))
    return not any(
        payload_checks.may_hold_odd_numbers(text, zero=not is_without)
        for text, is_without in zip(texts, without_zero, strict=True)
        if is_long or not is_without
    )


def _id(given: str | None, derived: str) -> str:
    if given is None:
        return derived
    if given == event_ids.NIL or not event_ids.is_canonical(given):
        raise ValueError("not an event id")
    return given
