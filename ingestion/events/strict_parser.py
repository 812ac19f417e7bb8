"""The strict parser of one event: slow, but it reports exactly what is wrong and where."""

from __future__ import annotations

import json
from typing import NamedTuple, NoReturn

import msgspec

from ingestion.events import json_scanner, timestamps
from ingestion.events.identity import event_ids, source_ids
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
MAX_SAFE_DIGITS = 18  # an integer of fewer characters has less than 64 bits
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
    if len(text) < MAX_SAFE_DIGITS:
        return int(text)
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
    """Parse JSON without loss: objects become JsonObjects, and numbers that the stores can't hold become _UnstorableNumber.

    :raises InvalidEvent: not JSON, or nested too deep
    """
    try:
        return _decode(text.decode())
    except RecursionError:
        return _refuse_depth(text)
    except ValueError as error:
        raise InvalidEvent(Code.NOT_JSON, "expected JSON in UTF-8") from error


def _refuse_depth(text: bytes) -> NoReturn:
    try:
        json_scanner.check(text)
    except json_scanner.NotJson as error:
        raise InvalidEvent(Code.NOT_JSON, "expected JSON in UTF-8") from error
    raise InvalidEvent(Code.TOO_DEEP, TOO_DEEP)


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


class Fault(Exception):
    """What is wrong with a value, and the way to it from the inside out.

    The pointer is built only for a fault: for each of many values it would cost its whole length.
    """

    def __init__(self, code: Code, detail: str, *, names_place: bool = True) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.names_place = names_place  # whether the detail begins with the pointer
        self.way: list[str] = []  # keys and indexes, the innermost first

    def at(self, pointer: str) -> InvalidEvent:
        """Return the error of the event."""
        for step in reversed(self.way):
            pointer = at(pointer, step)
        return InvalidEvent(
            self.code, f"{pointer}: {self.detail}" if self.names_place else self.detail, pointer=pointer
        )


def check_payload(value: object, *, pointer: str = "/payload") -> None:
    """Validate a parsed payload.

    :raises InvalidEvent: the first error found
    """
    if not isinstance(value, JsonObject):
        raise wrong_type(pointer, "an object", value)
    try:
        keys = _check_members(value, depth=1)
    except Fault as fault:
        raise fault.at(pointer) from fault
    if keys > MAX_KEYS:
        raise InvalidEvent(Code.TOO_MANY_KEYS, f"expected at most {MAX_KEYS} keys over all levels", pointer=pointer)


_PLAIN = {int, float, bool, type(None)}


def _check_value(value: object, *, depth: int) -> int:
    """Validate a value that is not plain and return the number of its keys."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, _UnstorableNumber):
        raise Fault(Code.NUMBER_OUT_OF_RANGE, value.detail)
    elif isinstance(value, JsonObject):
        return _check_members(value, depth=_deeper(depth))
    elif isinstance(value, list):
        return _check_items(value, depth=_deeper(depth))
    return 0


def _check_items(values: list[object], *, depth: int) -> int:
    keys = index = 0
    try:
        for index, value in enumerate(values):  # noqa: B007
            if value.__class__ not in _PLAIN:
                keys += _check_value(value, depth=depth)
    except Fault as fault:
        fault.way.append(str(index))
        raise
    return keys


def _check_members(value: JsonObject, *, depth: int) -> int:
    seen: set[str] = set()
    keys = len(value.pairs)
    for key, member in value.pairs:
        if len(key) > MAX_KEY_LENGTH:
            raise Fault(Code.KEY_TOO_LONG, f"expected keys of at most {MAX_KEY_LENGTH} characters")
        try:
            _check_key(key, seen)
            if member.__class__ not in _PLAIN:
                keys += _check_value(member, depth=depth)
        except Fault as fault:
            fault.way.append(key)
            raise
    return keys


def _check_key(key: str, seen: set[str]) -> None:
    _check_text(key)
    if key in seen:
        raise Fault(Code.DUPLICATE_KEY, "the key stands here for the second time")
    seen.add(key)


def check_text(text: str, *, pointer: str) -> None:
    """Check that all stores can hold a text.

    :raises InvalidEvent: a NUL, or a lone surrogate
    """
    try:
        _check_text(text)
    except Fault as fault:
        raise fault.at(pointer) from fault


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Fault(Code.INVALID_TEXT, "expected text without NUL")
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Fault(Code.INVALID_TEXT, "expected whole characters, got half a surrogate pair") from error


TOO_DEEP = f"expected at most {MAX_DEPTH} levels of objects and lists"


def _deeper(depth: int) -> int:
    if depth == MAX_DEPTH:
        raise Fault(Code.TOO_DEEP, TOO_DEEP, names_place=False)
    return depth + 1


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
