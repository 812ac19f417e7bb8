"""CloudEvents 1.0 over HTTP: structured, batched and binary events become events of this product.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from ingestion.events import parser, steps, strict_parser, timestamps
from ingestion.events.batch import BatchLimits, Labels, ParsedBatch
from ingestion.events.identity import event_ids
from ingestion.events.identity.source_ids import slug
from ingestion.events.json_scanner import WHITE_SPACE
from ingestion.events.model import SOURCE_ID_PATTERN, Event, InvalidEvent
from ingestion.events.source_labels import bounded
from ingestion.events.steps import Steps
from ingestion.events.strict_parser import JsonObject, ParsedFields
from ingestion.http.bodies import media_types
from ingestion.problems import Code, RequestRejected
from ingestion.receivers.http.body_parsers import array, single
from ingestion.tracing import traceparent

LABEL = "cloudEventsSource"  # of a source whose own name is not of our form: that name

REQUIRED = ("specversion", "id", "source", "type")
DATA = ("data", "data_base64")

_NAME = re.compile(r"[a-z0-9]{1,256}")
_ANY_BYTES = "application/octet-stream"
_ESCAPED = re.compile(rb"\\(.)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# The event format's Integer: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system
_INT32 = range(-(2**31), 2**31)


class _Form(NamedTuple):
    """What an attribute has to look like."""

    pattern: re.Pattern[str]
    wanted: str
    longest: int = sys.maxsize  # characters


_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*+:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})++")
# Without backtracking, which on a long run of blanks would take minutes.
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]++"
_PARAMETER = rf'[ \t]*+;[ \t]*+(?:{_WORD}=(?:{_WORD}|"(?:[^"\\]|\\.)*+"))?+'
_TEXT = _Form(re.compile(r".+", re.DOTALL), "a text that is not empty")
# https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#context-attributes; extensions may be empty.
_FORMS = dict.fromkeys((*REQUIRED, "time", "subject"), _TEXT) | {
    "dataschema": _Form(_URI, "a URI with its scheme (RFC 3986)"),
    "datacontenttype": _Form(
        re.compile(rf"{_WORD}/{_WORD}(?:{_PARAMETER})*+[ \t]*+"),
        "a media type (RFC 2046)",
        media_types.MAX_BYTES,
    ),
}

_encode = msgspec.json.Encoder().encode
_decode_attributes = msgspec.json.Decoder(dict[str, str | int | bool]).decode

Attributes = dict[str, str | int | bool]


def parse_structured(body: bytes, *, now: int, limits: BatchLimits) -> ParsedBatch:
    """Parse one event in the JSON format.

    :param now: microseconds since the epoch; the time of an event that has none
    :raises RequestRejected: not JSON, or too large
    """
    return steps.finish(structured_steps(body, now=now, limits=limits))


def parse_batch(body: bytes, *, now: int, limits: BatchLimits) -> ParsedBatch:
    """Parse an array of events in the JSON format.

    :param now: as in parse_structured()
    :raises RequestRejected: not JSON, or too much
    """
    return steps.finish(batch_steps(body, now=now, limits=limits))


def parse_binary(body: bytes, head: Mapping[bytes, bytes], *, now: int, limits: BatchLimits) -> ParsedBatch:
    """Parse an event whose attributes are headers and whose data is the body.

    :param head: names in lower case
    :param now: as in parse_structured()
    :raises RequestRejected: data that is said to be JSON and is not, or too large
    """
    return steps.finish(binary_steps(body, head, now=now, limits=limits))


def structured_steps(body: bytes, *, now: int, limits: BatchLimits) -> Steps:
    """Do as parse_structured() does, in steps."""
    return _labelled((yield from single(body, read=lambda text: _structured(text, now=now), limits=limits)))


def batch_steps(body: bytes, *, now: int, limits: BatchLimits) -> Steps:
    """Do as parse_batch() does, in steps."""
    return _labelled((yield from array(body, read=lambda text: _structured(text, now=now), limits=limits)))


def binary_steps(body: bytes, head: Mapping[bytes, bytes], *, now: int, limits: BatchLimits) -> Steps:
    """Do as parse_binary() does, in steps."""
    return _labelled((yield from single(body, read=lambda data: _binary(data, head, now=now), limits=limits)))


def source_of(head: Mapping[bytes, bytes]) -> str:
    """Return the source id of a binary event by its headers; empty: they have none that can be read."""
    try:
        name = _header(b"ce-source", head.get(b"ce-source", b""))
    except InvalidEvent:
        return ""
    return name if not name or SOURCE_ID_PATTERN.fullmatch(name) else slug(name)


def check_once(repeated: Iterable[bytes]) -> None:
    """Refuse a binary event that has an attribute twice, of which any one could be meant.

    :param repeated: the names of the request's headers that were given more than once
    :raises RequestRejected: one is an attribute
    """
    for name in sorted(repeated):
        if name.startswith(b"ce-") or name == b"content-type":
            raise RequestRejected(Code.INVALID_HEADER, f"{name.decode('latin-1')}: expected once")


def _labelled(parsed: ParsedBatch) -> ParsedBatch:
    return msgspec.structs.replace(parsed, labels=labels(parsed.events), trace=trace(parsed.events))


def labels(found: Iterable[Event]) -> Labels:
    """Return the original names of sources whose id was derived from the name."""
    attributes = {event.source: event.attributes for event in found}
    names = {source: str(_decode_attributes(text)["source"]) for source, text in attributes.items() if text}
    return {source: bounded({LABEL: name}) for source, name in names.items() if name != source}


def trace(found: Iterable[Event]) -> bytes | None:
    """Return the trace context that all events have, by the extension for distributed tracing.

    https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md
    """
    named = {_decode_attributes(event.attributes).get("traceparent") for event in found if event.attributes}
    one = named.pop() if len(named) == 1 else None
    return traceparent.parse(one) if isinstance(one, str) else None


def _structured(text: bytes, *, now: int) -> Event:
    value = strict_parser.parse(text)
    if not isinstance(value, JsonObject):
        raise InvalidEvent(Code.NOT_AN_EVENT, f"expected an object, got {strict_parser.kind(value)}")
    members: dict[str, object] = {}
    for name, member in value.pairs:
        if name in members:
            pointer = strict_parser.at("", name)
            raise InvalidEvent(Code.DUPLICATE_KEY, "the attribute stands here for the second time", pointer=pointer)
        members[name] = member
    if "data" in members and "data_base64" in members:
        raise InvalidEvent(Code.UNKNOWN_FIELD, "expected data or data_base64, got both", pointer="/data_base64")
    attributes = _checked({name: member for name, member in members.items() if name not in DATA})
    return _event(attributes, _structured_data(members, text), now=now)


def _structured_data(members: Mapping[str, object], text: bytes) -> bytes:
    """Return the bytes of `data` as the payload; the rest of the text is checked already."""
    if "data" in members:
        _check_data(members["data"])
        return _payload(members["data"], bytes(strict_parser.raw_members(text)["data"]))
    if members.get("data_base64") is None:
        return b"{}"
    packed = members["data_base64"]
    if not isinstance(packed, str):
        raise strict_parser.wrong_type("/data_base64", "a string", packed)
    media = members.get("datacontenttype")
    try:
        data = b64decode(packed, validate=True)
    except ValueError as error:
        raise InvalidEvent(Code.INVALID_ATTRIBUTE, "/data_base64: expected Base64", pointer="/data_base64") from error
    return _binary_data(data, media if isinstance(media, str) else _ANY_BYTES)


def _binary(data: bytes, head: Mapping[bytes, bytes], *, now: int) -> Event:
    attributes: dict[str, object] = {
        name[3:].decode("latin-1"): _header(name, value) for name, value in head.items() if name.startswith(b"ce-")
    }
    media = head.get(b"content-type", b"").decode("latin-1")
    if media:
        attributes["datacontenttype"] = media
    return _event(_checked(attributes), _binary_data(data, media), now=now)


def _binary_data(data: bytes, media: str) -> bytes:
    if not data:
        return b"{}"
    if not media or _is_json(media):
        value = strict_parser.parse(data)
        _check_data(value)
        return _payload(value, data.strip(WHITE_SPACE))
    if _is_text(media):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return _packed(data)
        _check_data(text)
        return _payload(text, _encode(text))
    return _packed(data)


def _is_json(media: str) -> bool:
    _, subtype = media_types.split(media)
    return subtype == "json" or subtype.endswith("+json")


def _is_text(media: str) -> bool:
    kind, subtype = media_types.split(media)
    return kind == "text" or subtype == "xml" or subtype.endswith("+xml")


def _header(name: bytes, value: bytes) -> str:
    """Undo quotes, which older senders use, then the percent encoding."""
    if len(value) > 1 and value.startswith(b'"') and value.endswith(b'"'):
        value = _ESCAPED.sub(rb"\1", value[1:-1])
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError as error:
        pointer = strict_parser.at("", name[3:].decode("latin-1"))
        raise InvalidEvent(
            Code.INVALID_ATTRIBUTE, f"{pointer}: expected UTF-8, percent-encoded", pointer=pointer
        ) from error


def _check_data(value: object) -> None:
    if isinstance(value, JsonObject):
        strict_parser.check_payload(value, pointer="/data")
    else:
        strict_parser.check_payload(JsonObject([("data", value)]), pointer="")


def _payload(value: object, text: bytes) -> bytes:
    """Return data as a payload; anything but an object is put under the key `data`."""
    return text if isinstance(value, JsonObject) else b'{"data":%b}' % text


def _packed(data: bytes) -> bytes:
    return b'{"data_base64":"%b"}' % b64encode(data)


def _event(attributes: Attributes, payload: bytes, *, now: int) -> Event:
    source, timed = str(attributes["source"]), "time" in attributes
    ts = _time(str(attributes["time"]), now=now) if timed else now
    name = source if SOURCE_ID_PATTERN.fullmatch(source) else slug(source)
    event_id = event_ids.named_id("cloudevents", source, str(attributes["id"]))
    reading = ParsedFields(name, "", ts, event_id, payload)
    event = parser.build_event(reading)
    return Event(event.id, event.source, ts, event.payload, timed, _encode(attributes))


def _checked(given: Mapping[str, object]) -> Attributes:
    attributes: Attributes = {}
    for name, value in given.items():
        if not _NAME.fullmatch(name):
            detail = "expected names of lower-case letters and digits"
            raise InvalidEvent(Code.INVALID_ATTRIBUTE, detail, pointer=strict_parser.at("", name))
        # null means that the attribute is absent.
        if value is not None:
            attributes[name] = _attribute(name, value)
    for name in REQUIRED:
        if name not in attributes:
            raise InvalidEvent(Code.MISSING_FIELD, f"{name} is required", pointer=f"/{name}")
    if attributes["specversion"] != "1.0":
        raise InvalidEvent(Code.INVALID_ATTRIBUTE, "/specversion: expected 1.0", pointer="/specversion")
    return attributes


def _attribute(name: str, value: object) -> str | int | bool:
    pointer = f"/{name}"
    form = _FORMS.get(name)
    if form is not None:
        if not isinstance(value, str):
            raise strict_parser.wrong_type(pointer, "a string", value)
        if len(value) > form.longest:
            detail = f"{pointer}: expected at most {form.longest:,} characters"
            raise InvalidEvent(Code.INVALID_ATTRIBUTE, detail, pointer=pointer)
        if not form.pattern.fullmatch(value):
            raise InvalidEvent(Code.INVALID_ATTRIBUTE, f"{pointer}: expected {form.wanted}", pointer=pointer)
    if isinstance(value, str):
        strict_parser.check_text(value, pointer=pointer)
        if _CONTROL.search(value):
            raise InvalidEvent(Code.INVALID_ATTRIBUTE, f"{pointer}: expected no control characters", pointer=pointer)
    elif not isinstance(value, bool) and not (isinstance(value, int) and value in _INT32):
        detail = f"{pointer}: expected a string, a boolean or an integer of 32 bits"
        raise InvalidEvent(Code.INVALID_ATTRIBUTE, detail, pointer=pointer)
    return value


def _time(text: str, *, now: int) -> int:
    try:
        ts = timestamps.from_text(text)
        timestamps.check_range(ts, now=now)
    except InvalidEvent as error:
        raise InvalidEvent(error.code, f"/time: {error.detail}", pointer="/time") from error
    return ts
