"""Decodes Kafka records, ours and those of other producers: one or more events, one JSON line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from ingestion.events.halving import failing
from ingestion.events.identity import event_ids, source_ids
from ingestion.events.json_scanner import WHITE_SPACE, has_one_object_a_line
from ingestion.events.model import SOURCE_ID_PATTERN, InvalidEvent
from ingestion.events.parser import parse_event
from ingestion.kafka import record_headers
from ingestion.kafka.record_headers import Headers
from ingestion.problems import Code

# The end of the year 9998: Python's datetime ends a year later, and a monthly partition needs its upper bound.
_LAST_TIME = 253_370_764_799_999_999
Time = Annotated[int, msgspec.Meta(ge=0, le=_LAST_TIME)]


class EventLine(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One canonical line as decoded; times in microseconds since the epoch."""

    id: str
    source: str
    ts: Time
    received: Time  # the receiver's clock
    payload: msgspec.Raw
    timed: bool = True  # see ingestion.events.model.Event, also for `attributes`
    attributes: msgspec.Raw = msgspec.Raw(b"")


class InvalidLine(msgspec.Struct, frozen=True, gc=False):
    """One line of a record that is not an event; it becomes a dead letter."""

    line: int  # its position in the record
    raw: bytes
    code: Code
    detail: str
    pointer: str
    source: str | None  # if it can be read and is a valid source id
    event_id: str | None  # if it can be read and is a UUID


class _Names(msgspec.Struct, frozen=True, gc=False):
    """The ids of an invalid line, in any spelling."""

    source: object = None
    sourceId: object = None  # noqa: N815
    source_id: object = None
    id: object = None
    eventId: object = None  # noqa: N815
    event_id: object = None


# Raised by `_canonical`.
_INVALID = (msgspec.MsgspecError, InvalidEvent, UnicodeDecodeError, RecursionError)

_decode_lines = msgspec.json.Decoder(EventLine).decode_lines
_decode_names = msgspec.json.Decoder(_Names).decode
_HEX_TO_ZERO = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_ID_SHAPE = b"00000000-0000-0000-0000-000000000000"


class UnknownVersion(Exception):
    """A newer release wrote the record: an operator must upgrade this one. Never a dead letter."""


def decode(value: bytes | None, headers: Headers, *, received: int, now: int) -> list[EventLine | InvalidLine]:
    """Decode a record of ours or of another producer.

    There is one entry for each line that is not blank, so the index of an entry is its line number.

    :param received: Kafka's time of the record in microseconds: when a plain event came in
    :param now: microseconds since the epoch
    :raises UnknownVersion: a newer release than this one wrote it
    """
    version = record_headers.version(headers)
    if version is not None and version > record_headers.FORMAT_VERSION:
        latest = record_headers.FORMAT_VERSION
        raise UnknownVersion(f"the record is of format {version}, this release reads up to {latest}")
    if not value or not value.strip(WHITE_SPACE):
        return [_bad(0, value or b"", InvalidEvent(Code.EMPTY_RECORD, "expected at least one event, got none"))]
    if version is None:
        return _plain(value, received=received, now=now)
    try:
        return _canonical(value)
    except _INVALID:
        return _line_by_line(split_lines(value))


def event_bounds(value: bytes | None, headers: Headers) -> tuple[int, int]:
    """Return the fewest and the most entries that `decode` can return for a record, without decoding it.

    They are equal unless a record of another producer has several lines, which may be one event or many. A header is
    believed if this release can't read the lines; else it could only repeat what they show.
    """
    if not value or not value.strip(WHITE_SPACE):
        return 1, 1
    version, count = record_headers.version(headers), record_headers.event_count(headers)
    if version is not None and version > record_headers.FORMAT_VERSION:
        return (count, count) if count else (1, max(1, len(split_lines(value))))
    lines = max(1, len(split_lines(value)))
    return (1 if version is None else lines), lines


def _canonical(value: bytes) -> list[EventLine | InvalidLine]:
    """Decode all lines of a record at once.

    :raises InvalidEvent: some line is invalid, or holds more than one event
    """
    if not value.isascii():
        value.decode()
    lines = _decode_lines(value)
    if not has_one_object_a_line(value, len(lines)):
        raise InvalidEvent(Code.NOT_JSON, "expected one event a line")
    ids = "\n".join([line.id for line in lines]).encode()
    if ids.translate(_HEX_TO_ZERO) != b"\n".join([_ID_SHAPE] * len(lines)):
        raise InvalidEvent(Code.INVALID_EVENT_ID, "expected a UUID in canonical form", pointer="/id")
    for source in {line.source for line in lines}:
        source_ids.check(source)
        source_ids.remember(source)
    if not _are_objects([line.payload for line in lines]):
        raise InvalidEvent(Code.WRONG_TYPE, "/payload: expected an object", pointer="/payload")
    if not _are_objects([line.attributes for line in lines if line.attributes]):
        raise InvalidEvent(Code.WRONG_TYPE, "/attributes: expected an object", pointer="/attributes")
    return list(lines)


def _are_objects(texts: Iterable[msgspec.Raw]) -> bool:
    return all(bytes(text).startswith(b"{") for text in texts)


def _line_by_line(lines: list[bytes]) -> list[EventLine | InvalidLine]:
    """Decode lines of which some are invalid: the good ones in groups, which is ten times faster."""
    decoded: dict[int, EventLine | InvalidLine] = {}

    def fails(numbers: Sequence[int]) -> bool:
        try:
            decoded.update(zip(numbers, _canonical(b"\n".join([lines[number] for number in numbers])), strict=True))
        except _INVALID:
            return True
        return False

    for number in failing(range(len(lines)), fails):
        decoded[number] = _one_canonical(number, lines[number])
    return [decoded[number] for number in range(len(lines))]


def _one_canonical(number: int, text: bytes) -> EventLine | InvalidLine:
    try:
        return _canonical(text)[0]
    except InvalidEvent as error:
        return _bad(number, text, error)
    except msgspec.ValidationError as error:
        # The message names the field and the types, never the value.
        return _bad(number, text, InvalidEvent(Code.WRONG_TYPE, str(error)))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _bad(number, text, InvalidEvent(Code.NOT_JSON, "expected JSON in UTF-8"))
    except RecursionError:
        return _bad(number, text, InvalidEvent(Code.TOO_DEEP, "expected fewer levels of objects and lists"))


def _plain(value: bytes, *, received: int, now: int) -> list[EventLine | InvalidLine]:
    whole = _one_plain(0, value, received=received, now=now)
    parts = split_lines(value)
    if isinstance(whole, EventLine) or whole.code is not Code.NOT_JSON or len(parts) == 1:
        return [whole]
    return [_one_plain(number, text, received=received, now=now) for number, text in enumerate(parts)]


def _one_plain(number: int, text: bytes, *, received: int, now: int) -> EventLine | InvalidLine:
    try:
        event = parse_event(text, now=now)
    except InvalidEvent as error:
        return _bad(number, text, error)
    return EventLine(event.id, event.source, event.ts, received, msgspec.Raw(event.payload))


def split_lines(value: bytes) -> list[bytes]:
    """Split a record into its lines, without blank ones; the index of each is its line number."""
    return [text for text in value.split(b"\n") if text.strip(WHITE_SPACE)]


def _bad(number: int, text: bytes, error: InvalidEvent) -> InvalidLine:
    source, event_id = peek_ids(text)
    return InvalidLine(number, text, error.code, error.detail, error.pointer, source, event_id)


def peek_ids(text: bytes) -> tuple[str | None, str | None]:
    """Return source id and event id of an invalid line, None for each that can't be read."""
    try:
        names = _decode_names(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, None
    source = _text_of(names.source, names.sourceId, names.source_id)
    event_id = _text_of(names.id, names.eventId, names.event_id).lower()
    return (
        source if SOURCE_ID_PATTERN.fullmatch(source) else None,
        event_id if event_ids.is_canonical(event_id) else None,
    )


def _text_of(*values: object) -> str:
    return next((value for value in values if isinstance(value, str)), "")
