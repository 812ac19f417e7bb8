"""Parses a request's body into valid events and the reasons for the rejected ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice

import msgspec

from ingestion.events import batch_parser, json_scanner, parser, steps
from ingestion.events.batch import (
    KEPT_EVENTS,
    BatchLimits,
    ParsedBatch,
    Rejected,
    beginning_of,
    event_too_large,
    too_many_events,
)
from ingestion.events.identity import source_ids
from ingestion.events.json_scanner import WHITE_SPACE
from ingestion.events.model import Event, InvalidEvent
from ingestion.events.steps import PARSED_BYTES, SPLIT_BYTES, TEXT, Steps
from ingestion.events.strict_parser import TOO_DEEP
from ingestion.problems import Code, RequestRejected

NOT_JSON = "expected JSON in UTF-8 (RFC 8259)"
NDJSON_HINT = "one event a line is sent as Content-Type: application/x-ndjson"
MAX_COMMAS = 100_000

# Makes one event of its text, or raises InvalidEvent.
Read = Callable[[bytes], Event]
# Makes one event of a common text with C code; None: Read is needed.
ReadFast = Callable[[bytes], Event | None]

_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
# The blanks before a line are skipped with it, so that a body of newlines costs one match.
_line = re.compile(rb"[ \t\r\n]*+(?:([^\n]++)|\Z)").finditer


def parse_json(body: bytes, *, now: int, limits: BatchLimits) -> ParsedBatch:
    """Parse an object or an array of objects.

    :param now: microseconds since the epoch
    :raises RequestRejected: not JSON, or too much
    """
    return steps.finish(json_steps(body, now=now, limits=limits))


def parse_ndjson(body: bytes, *, now: int, limits: BatchLimits) -> ParsedBatch:
    """Parse one object per line; blank lines are skipped.

    :param now: microseconds since the epoch
    :raises RequestRejected: too many lines
    """
    return steps.finish(ndjson_steps(body, now=now, limits=limits))


def json_steps(body: bytes, *, now: int, limits: BatchLimits) -> ParsedBatch | Steps:
    """Do as parse_json() does: at once where C code can, else in steps."""
    start = body.lstrip(WHITE_SPACE)[:1]
    if start == b"{":
        event = parser.parse_event_fast(body, now=now) if len(body) <= limits.max_event_bytes else None
        return _one_object(body, now=now, limits=limits) if event is None else _of_one(event)
    if start != b"[":
        return _refuse(body, "expected an object, or an array of objects")
    batch = batch_parser.parse_array(body, now=now, limits=limits)
    if batch is not None and _fit(batch.events, body, limits):
        return batch
    return array(body, read=_reader(now), fast=_fast_reader(now), limits=limits)


def ndjson_steps(body: bytes, *, now: int, limits: BatchLimits) -> ParsedBatch | Steps:
    """Do as parse_ndjson() does: at once where C code can, else in steps."""
    batch = batch_parser.parse_lines(body, now=now, limits=limits)
    if batch is not None and _fit(batch.events, body, limits):
        return batch
    return _lines(body, now=now, limits=limits)


def single(body: bytes, *, read: Read, limits: BatchLimits) -> Steps:
    """Read a body that is one event.

    :raises RequestRejected: not JSON, or too large
    """
    if len(body) > limits.max_event_bytes:
        raise RequestRejected(Code.EVENT_TOO_LARGE, event_too_large(limits))
    yield len(body)
    try:
        return _of_one(read(body))
    except InvalidEvent as error:
        if error.code is Code.NOT_JSON:
            raise RequestRejected(Code.NOT_JSON, NOT_JSON) from error
        return ParsedBatch([], [], [_rejected(0, error, body)], single=True)


def array(body: bytes, *, read: Read, fast: ReadFast | None = None, limits: BatchLimits) -> Steps:
    """Read a body that is an array, item by item.

    :raises RequestRejected: not JSON, or too many items
    """
    if body.lstrip(WHITE_SPACE)[:1] != b"[":
        return _refuse(body, "expected an array of objects")
    yield len(body) // SPLIT_BYTES
    items = _split_in_c(body, limits)
    if items is None:
        yield len(body)
        items = _split_deep(body, limits)
    batch = yield from _one_by_one(items, read=read, fast=fast, limits=limits)
    if any(rejected.code is Code.NOT_JSON for rejected in batch.rejected):
        raise RequestRejected(Code.NOT_JSON, NOT_JSON)
    return batch


def _of_one(event: Event) -> ParsedBatch:
    return ParsedBatch([event], None, [], single=True, all_known=event.source in source_ids.known)


def _lines(body: bytes, *, now: int, limits: BatchLimits) -> Steps:
    yield len(body) // SPLIT_BYTES
    lines = (match[1] for match in _line(body) if match[1])
    texts: list[bytes | None] = list(islice(lines, limits.max_batch_events + 1))
    return (yield from _one_by_one(texts, read=_reader(now), fast=_fast_reader(now), limits=limits))


def _fit(events: list[Event], body: bytes, limits: BatchLimits) -> bool:
    """Return whether surely no event of a body is larger than the limit."""
    largest = limits.max_event_bytes
    return len(body) <= largest or batch_parser.fits(events, body, max_event_bytes=largest)


def _reader(now: int) -> Read:
    return lambda text: parser.parse_event(text, now=now)


def _fast_reader(now: int) -> ReadFast:
    return lambda text: parser.parse_event_fast(text, now=now)


def _one_object(body: bytes, *, now: int, limits: BatchLimits) -> Steps:
    try:
        return (yield from single(body, read=_reader(now), limits=limits))
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
        body.decode()
        json_scanner.check(body)
    except (json_scanner.NotJson, UnicodeDecodeError) as error:
        raise RequestRejected(Code.NOT_JSON, NOT_JSON) from error
    return ParsedBatch([], [], [Rejected(0, Code.NOT_AN_EVENT, "", detail, beginning_of(body))], single=True)


def _split_in_c(body: bytes, limits: BatchLimits) -> Sequence[bytes | None] | None:
    """Return the texts of an array's items; None: it is nested too deep for C code."""
    try:
        body.decode()
        # Each item of a list is an object of 64 bytes, so a long list of small ones is not split as such.
        if body.count(b",") <= MAX_COMMAS:
            return [bytes(item) for item in _split(body)]
        items = _wide(limits.max_batch_events)(body)
        return [bytes(item) for item in msgspec.structs.astuple(items) if item is not _NOTHING]
    except RecursionError:
        return None
    except msgspec.ValidationError as error:
        raise too_many_events(limits) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestRejected(Code.NOT_JSON, NOT_JSON) from error


_NOTHING = msgspec.Raw()


@lru_cache(maxsize=2)
def _wide(most: int) -> Callable[[bytes], msgspec.Struct]:
    """Return the decoder of an array that ends with an error at the first item above the limit."""
    fields = [(f"item{number}", msgspec.Raw, _NOTHING) for number in range(most)]
    kind = msgspec.defstruct("Items", fields, array_like=True, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(kind).decode


def _split_deep(body: bytes, limits: BatchLimits) -> Sequence[bytes | None]:
    try:
        return json_scanner.items(body, limit=limits.max_batch_events, largest=limits.max_event_bytes)
    except json_scanner.NotJson as error:
        raise RequestRejected(Code.NOT_JSON, NOT_JSON) from error
    except json_scanner.ItemTooLarge as error:
        raise RequestRejected(Code.EVENT_TOO_LARGE, event_too_large(limits)) from error


def _one_by_one(texts: Sequence[bytes | None], *, read: Read, fast: ReadFast | None, limits: BatchLimits) -> Steps:
    _check_count(len(texts), limits)
    events: list[Event] = []
    indexes: list[int] = []
    rejected: list[Rejected] = []
    for index, text in enumerate(texts):
        if text is None:
            rejected.append(Rejected(index, Code.TOO_DEEP, "", TOO_DEEP))
            continue
        if len(text.rstrip(b"\r\n")) > limits.max_event_bytes:
            rejected.append(
                _rejected(index, InvalidEvent(Code.EVENT_TOO_LARGE, event_too_large(limits)), text, rejected)
            )
            continue
        yield TEXT + len(text) // PARSED_BYTES
        event = fast and fast(text)
        if event is None:
            yield len(text)
            try:
                event = read(text)
            except InvalidEvent as error:
                rejected.append(_rejected(index, error, text, rejected))
                continue
        events.append(event)
        indexes.append(index)
    return ParsedBatch(events, indexes if rejected else None, rejected, single=False)


def _rejected(index: int, error: InvalidEvent, text: bytes, before: Sequence[Rejected] = ()) -> Rejected:
    kept = beginning_of(text) if len(before) < KEPT_EVENTS else None
    return Rejected(index, error.code, error.pointer, error.detail, kept)


def _check_count(count: int, limits: BatchLimits) -> None:
    if count > limits.max_batch_events:
        raise too_many_events(limits)
