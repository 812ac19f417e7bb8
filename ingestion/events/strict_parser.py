"""The strict parser of one event: slow, but it reports exactly what is wrong and where."""

from __future__ import annotations

import json
from typing import NamedTuple, NoReturn

import msgspec

from ingestion.events import event_ids, json_scanner, source_ids, timestamps
from ingestion.events.model import (
    INT64_MAX,
    INT64_MIN,
    MAX_DEPTH,
    MAX_EXPONENT,
    MAX_KEY_LENGTH,
    MAX_KEYS,
    MAX_NUMBER_LENGTH,
    InvalidEvent,
)
from ingestion.problems import Code

ALIASES = {"source_id": "sourceId", "event_id": "eventId"}
FIELDS = {"sourceId", "timestamp", "payload", "eventId"}
REQUIRED = ("sourceId", "timestamp", "payload")


class ParsedFields(NamedTuple):
    """The checked fields of one event."""

    source: str
    stamp: str  # the timestamp as sent
    ts: int
    id: str | None
    payload: bytes  # as sent


class JsonObject(NamedTuple):
    """A JSON object with all its members: a dictionary would drop duplicate keys."""

    pairs: list[tuple[str, object]]


class _UnstorableNumber(NamedTuple):
    """A number that the stores can't hold."""

    detail: str


def _integer(text: str) -> int | _UnstorableNumber:
    # The length first: Python refuses to convert very long numbers, and is slow for long ones.
    if len(text) > len(str(INT64_MIN)) or not INT64_MIN <= int(text) <= INT64_MAX:
        return _UnstorableNumber("expected an integer of at most 64 bits")
    return int(text)


def _decimal(text: str) -> float | _UnstorableNumber:
    exponent = text.lower().partition("e")[2]
    if len(text) > MAX_NUMBER_LENGTH or abs(int(exponent or 0)) > MAX_EXPONENT:
        return _UnstorableNumber(
            f"expected at most {MAX_NUMBER_LENGTH} characters and an exponent within {MAX_EXPONENT}"
        )
    number = float(text)
    return (
        number if abs(number) != float("inf") else _UnstorableNumber("expected a number that a 64-bit float can hold")
    )


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_decode = json.JSONDecoder(
    object_pairs_hook=JsonObject, parse_int=_integer, parse_float=_decimal, parse_constant=_no_constant
).decode
# The members of an object as sent; the last one of duplicate keys.
raw_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read(text: bytes, *, now: int) -> ParsedFields:
    """Parse one event.

    :raises InvalidEvent: the first error found: in the syntax, then in the set of fields, then in each field
    """
    fields = _fields(parse(text))
    source = _source(fields["sourceId"])
    stamp, ts = _timestamp(fields["timestamp"], now=now)
    event_id = read_id(fields.get("eventId"))
    check_payload(fields["payload"])
    return ParsedFields(source, stamp, ts, event_id, bytes(raw_members(text)["payload"]))


def parse(text: bytes) -> object:
    """Parse JSON without loss: objects become Members, and numbers that the stores can't hold become _UnstorableNumber.

    :raises InvalidEvent: not JSON, or nested too deep
    """
    try:
        return _decode(text.decode())
    except RecursionError:
        return _refuse_depth(text.decode())
    except ValueError as error:
        raise InvalidEvent(Code.NOT_JSON, "expected JSON in UTF-8") from error


def _refuse_depth(text: str) -> NoReturn:
    try:
        json_scanner.items(text, limit=len(text))
    except json_scanner.NotJson as error:
        raise InvalidEvent(Code.NOT_JSON, "expected JSON in UTF-8") from error
    raise _too_deep("")


def _fields(value: object) -> dict[str, object]:
    if not isinstance(value, JsonObject):
        raise InvalidEvent(Code.NOT_AN_EVENT, f"expected an object, got {kind(value)}")
    fields: dict[str, object] = {}
    for key, member in value.pairs:
        name = ALIASES.get(key, key)
        if name not in FIELDS:
            raise InvalidEvent(Code.UNKNOWN_FIELD, "expected one of " + ", ".join(sorted(FIELDS)), pointer=at("", key))
        if name in fields:
            raise InvalidEvent(Code.DUPLICATE_KEY, f"{name} stands here for the second time", pointer=at("", key))
        fields[name] = member
    for name in REQUIRED:
        if name not in fields:
            raise InvalidEvent(Code.MISSING_FIELD, f"{name} is required", pointer=f"/{name}")
    return fields


def _source(value: object) -> str:
    if not isinstance(value, str):
        raise wrong_type("/sourceId", "a string", value)
    source_ids.check(value)
    return value


def _timestamp(value: object, *, now: int) -> tuple[str, int]:
    if isinstance(value, str):
        ts = timestamps.from_text(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        ts = timestamps.from_number(value)
    elif isinstance(value, _UnstorableNumber):
        raise InvalidEvent(Code.INVALID_TIMESTAMP, value.detail, pointer="/timestamp")
    else:
        raise wrong_type("/timestamp", "a string or an integer", value)
    timestamps.check_range(ts, now=now)
    return str(value), ts


def read_id(value: object) -> str | None:
    """Parse the event id of the sender; None: it sent none.

    :raises InvalidEvent: not a UUID, or the nil one
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type("/eventId", "a string", value)
    folded = value.lower() if value.isascii() else value
    if folded == event_ids.NIL or not event_ids.is_canonical(folded):
        raise InvalidEvent(
            Code.INVALID_EVENT_ID, "expected a UUID like 0190a6c2-7f6e-7c3a-9d5f-3f1b2a4c5d6e", pointer="/eventId"
        )
    return folded


def check_payload(value: object, *, pointer: str = "/payload") -> None:
    """Validate a parsed payload.

    :raises InvalidEvent: the first error found
    """
    if not isinstance(value, JsonObject):
        raise wrong_type(pointer, "an object", value)
    if _check_value(value, pointer=pointer, depth=0) > MAX_KEYS:
        raise InvalidEvent(Code.TOO_MANY_KEYS, f"expected at most {MAX_KEYS} keys over all levels", pointer=pointer)


def _check_value(value: object, *, pointer: str, depth: int) -> int:
    """Validate a value and return the number of its keys."""
    if isinstance(value, str):
        check_text(value, pointer=pointer)
    elif isinstance(value, _UnstorableNumber):
        raise InvalidEvent(Code.NUMBER_OUT_OF_RANGE, f"{pointer}: {value.detail}", pointer=pointer)
    elif isinstance(value, JsonObject):
        return _check_members(value, pointer=pointer, depth=_deeper(depth, pointer))
    elif isinstance(value, list):
        inside = _deeper(depth, pointer)
        return sum(_check_value(item, pointer=f"{pointer}/{i}", depth=inside) for i, item in enumerate(value))
    return 0


def _check_members(value: JsonObject, *, pointer: str, depth: int) -> int:
    seen: set[str] = set()
    keys = len(value.pairs)
    for key, member in value.pairs:
        place = at(pointer, key)
        if len(key) > MAX_KEY_LENGTH:
            raise InvalidEvent(
                Code.KEY_TOO_LONG, f"{pointer}: expected keys of at most {MAX_KEY_LENGTH} characters", pointer=pointer
            )
        check_text(key, pointer=place)
        if key in seen:
            raise InvalidEvent(Code.DUPLICATE_KEY, f"{place}: the key stands here for the second time", pointer=place)
        seen.add(key)
        keys += _check_value(member, pointer=place, depth=depth)
    return keys


def check_text(text: str, *, pointer: str) -> None:
    """Check that all stores can hold a text.

    :raises InvalidEvent: a NUL, or a lone surrogate
    """
    if "\0" in text:
        raise InvalidEvent(Code.INVALID_TEXT, f"{pointer}: expected text without NUL", pointer=pointer)
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidEvent(
            Code.INVALID_TEXT, f"{pointer}: expected whole characters, got half a surrogate pair", pointer=pointer
        ) from error


def _deeper(depth: int, pointer: str) -> int:
    if depth == MAX_DEPTH:
        raise _too_deep(pointer)
    return depth + 1


def _too_deep(pointer: str) -> InvalidEvent:
    return InvalidEvent(Code.TOO_DEEP, f"expected at most {MAX_DEPTH} levels of objects and lists", pointer=pointer)


def wrong_type(pointer: str, expected: str, value: object) -> InvalidEvent:
    """Return an InvalidEvent that names the expected and the actual type."""
    return InvalidEvent(Code.WRONG_TYPE, f"{pointer}: expected {expected}, got {kind(value)}", pointer=pointer)


_KINDS = {str: "a string", bool: "a boolean", list: "an array", JsonObject: "an object", type(None): "null"}


def kind(value: object) -> str:
    """Return the name of a parsed value's JSON type."""
    return _KINDS.get(type(value), "a number")


def at(pointer: str, key: str) -> str:
    """Extend a JSON pointer (RFC 6901) by a key, which is shortened and made printable."""
    shown = key[:MAX_KEY_LENGTH].encode(errors="replace").decode().replace("\0", "\ufffd")
    return pointer + "/" + shown.replace("~", "~0").replace("/", "~1")
