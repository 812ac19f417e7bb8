"""Parses a request's body into valid events and the reasons for the rejected ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from itertools import islice

import msgspec

from ingestion.events import batch_parser, json_scanner
from ingestion.events.batch import BatchLimits, ParsedBatch, Rejected, event_too_large, too_many_events
from ingestion.events.json_scanner import WHITE_SPACE
from ingestion.events.model import Event, InvalidEvent
from ingestion.events.parser import parse_event
from ingestion.problems import Code, RequestRejected

NOT_JSON = "expected JSON in UTF-8 (RFC 8259)"
NDJSON_HINT = "one event a line is sent as Content-Type: application/x-ndjson"
MAX_COMMAS = 100_000

# Makes one event of its text, or raises InvalidEvent.
Read = Callable[[bytes], Event]

_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


def parse_json(body: bytes, *, now: int, limits: BatchLimits) -> ParsedBatch:
    """Parse an object or an array of objects.

    :param now: microseconds since the epoch
    :raises RequestRejected: not JSON, or too much
    """
    start = body.lstrip(WHITE_SPACE)[:1]
    if start == b"{":
        return _one_object(body, read=_reader(now, limits), limits=limits)
    if start != b"[":
        return _refuse(body, "expected an object, or an array of objects")
    events = batch_parser.parse_array(body, now=now)
    if events is not None and _fit(events, body, limits):
        _check_count(len(events), limits)
        return ParsedBatch(events, None, [], single=False)
    return array(body, read=_reader(now, limits), limits=limits)


def parse_ndjson(body: bytes, *, now: int, limits: BatchLimits) -> ParsedBatch:
    """Parse one object per line; blank lines are skipped.

    :param now: microseconds since the epoch
    :raises RequestRejected: too many lines
    """
    events = batch_parser.parse_lines(body, now=now)
    if events is not None and _fit(events, body, limits):
        _check_count(len(events), limits)
        return ParsedBatch(events, None, [], single=False)
    lines = (line for line in BytesIO(body) if line.strip(WHITE_SPACE))
    return _one_by_one(islice(lines, limits.max_batch_events + 1), read=_reader(now, limits), limits=limits)


def single(body: bytes, *, read: Read, limits: BatchLimits) -> ParsedBatch:
    """Read a body that is one event.

    :raises RequestRejected: not JSON, or too large
    """
    if len(body) > limits.max_event_bytes:
        raise RequestRejected(Code.EVENT_TOO_LARGE, event_too_large(limits))
    try:
        event = read(body)
    except InvalidEvent as error:
        if error.code is Code.NOT_JSON:
            raise RequestRejected(Code.NOT_JSON, NOT_JSON) from error
        return ParsedBatch([], [], [Rejected(0, error.code, error.pointer, error.detail)], single=True)
    return ParsedBatch([event], None, [], single=True)


def array(body: bytes, *, read: Read, limits: BatchLimits) -> ParsedBatch:
    """Read a body that is an array, item by item.

    :raises RequestRejected: not JSON, or too many items
    """
    if body.lstrip(WHITE_SPACE)[:1] != b"[":
        return _refuse(body, "expected an array of objects")
    batch = _one_by_one(_items(body, limits), read=read, limits=limits)
    if any(rejected.code is Code.NOT_JSON for rejected in batch.rejected):
        raise RequestRejected(Code.NOT_JSON, NOT_JSON)
    return batch


def _fit(events: list[Event], body: bytes, limits: BatchLimits) -> bool:
    """Return whether surely no event of a body is larger than the limit."""
    largest = limits.max_event_bytes
    return len(body) <= largest or batch_parser.fits(events, body, max_event_bytes=largest)


def _reader(now: int, limits: BatchLimits) -> Read:
    return lambda text: parse_event(text, now=now, max_sources=limits.max_sources)


def _one_object(body: bytes, *, read: Read, limits: BatchLimits) -> ParsedBatch:
    try:
        return single(body, read=read, limits=limits)
    except RequestRejected as error:
        if not _is_lines(body):
            raise
        raise RequestRejected(error.code, f"{error.detail}; {NDJSON_HINT}") from error


def _is_lines(body: bytes) -> bool:
    """Return whether a body that is not one object begins with one object on a line and another behind it."""
    first, _, rest = body.lstrip(WHITE_SPACE).partition(b"\n")
    try:
        _object(first)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return rest.lstrip(WHITE_SPACE).startswith(b"{")


def _refuse(body: bytes, detail: str) -> ParsedBatch:
    """Reject a body that is JSON, but neither an event nor a batch."""
    try:
        json_scanner.items(body.decode(), limit=1)
    except (json_scanner.NotJson, UnicodeDecodeError) as error:
        raise RequestRejected(Code.NOT_JSON, NOT_JSON) from error
    return ParsedBatch([], [], [Rejected(0, Code.NOT_AN_EVENT, "", detail)], single=True)


def _items(body: bytes, limits: BatchLimits) -> list[bytes]:
    """Return the texts of an array's items."""
    try:
        text = body.decode()
        # Each item is kept as an object of 64 bytes, so a long list of small ones is not split in one go.
        if body.count(b",") <= MAX_COMMAS:
            return [bytes(item) for item in _split(body)]
    except (msgspec.DecodeError, RecursionError):
        pass
    except UnicodeDecodeError as error:
        raise RequestRejected(Code.NOT_JSON, NOT_JSON) from error
    try:
        return [item.encode() for item in json_scanner.items(text, limit=limits.max_batch_events)]
    except json_scanner.NotJson as error:
        raise RequestRejected(Code.NOT_JSON, NOT_JSON) from error


def _one_by_one(texts: Iterable[bytes], *, read: Read, limits: BatchLimits) -> ParsedBatch:
    texts = list(texts)
    _check_count(len(texts), limits)
    events: list[Event] = []
    indexes: list[int] = []
    rejected: list[Rejected] = []
    for index, text in enumerate(texts):
        if len(text.rstrip(b"\r\n")) > limits.max_event_bytes:
            rejected.append(Rejected(index, Code.EVENT_TOO_LARGE, "", event_too_large(limits)))
            continue
        try:
            events.append(read(text))
            indexes.append(index)
        except InvalidEvent as error:
            rejected.append(Rejected(index, error.code, error.pointer, error.detail))
    return ParsedBatch(events, indexes if rejected else None, rejected, single=False)


def _check_count(count: int, limits: BatchLimits) -> None:
    if count > limits.max_batch_events:
        raise too_many_events(limits)
