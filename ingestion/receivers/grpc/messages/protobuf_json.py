"""The JSON text of protobuf's well-known types: Timestamp and Struct."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from ingestion.events.model import InvalidEvent
from ingestion.events.strict_parser import Fault
from ingestion.problems import Code

FIRST = -62_135_596_800  # 0001-01-01T00:00:00Z, in seconds since 1970
LAST = 253_402_300_799  # 9999-12-31T23:59:59Z
MAX_EXACT_INTEGER = 2**53  # a double represents every integer up to this one

# The members of a Struct have no order, and the same Struct must have the same text each time.
_encode = msgspec.json.Encoder(order="sorted").encode


def timestamp_text(instant: Timestamp) -> str:
    """Return RFC 3339 with 0, 3, 6 or 9 digits of a fraction, as few as possible.

    :raises InvalidEvent: out of range
    """
    seconds, nanos = instant.seconds, instant.nanos
    if not (FIRST <= seconds <= LAST and 0 <= nanos < 1_000_000_000):
        raise InvalidEvent(Code.INVALID_TIMESTAMP, "no such instant", pointer="/timestamp")
    if not nanos:
        return _second(seconds) + "Z"
    if nanos % 1_000:
        return f"{_second(seconds)}.{nanos:09}Z"
    if nanos % 1_000_000:
        return f"{_second(seconds)}.{nanos // 1_000:06}Z"
    return f"{_second(seconds)}.{nanos // 1_000_000:03}Z"


# Most events of one batch share their second.
@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()


def struct_text(struct: Struct) -> bytes:
    """Return JSON without white space and with sorted keys; whole numbers up to MAX_EXACT_INTEGER become integers.

    :raises InvalidEvent: a number that is not finite, or a value without a kind
    """
    try:
        return _encode(_members(struct))
    except Fault as fault:
        raise fault.at("/payload") from fault


def _members(struct: Struct) -> dict[str, object]:
    members: dict[str, object] = {}
    for key, value in struct.fields.items():
        try:
            members[key] = _value(value)
        except Fault as fault:
            fault.way.append(key)
            raise
    return members


def _items(values: Iterable[Value]) -> list[object]:
    items: list[object] = []
    try:
        for value in values:
            items.append(_value(value))  # noqa: PERF401 (the number of items done is the place of a fault)
    except Fault as fault:
        fault.way.append(str(len(items)))
        raise
    return items


def _value(value: Value) -> object:
    match value.WhichOneof("kind"):
        case "number_value":
            return _number(value.number_value)
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "null_value":
            return None
        case "struct_value":
            return _members(value.struct_value)
        case "list_value":
            return _items(value.list_value.values)
    # The definition of Value forbids it: https://protobuf.dev/reference/protobuf/google.protobuf/#value
    raise Fault(Code.WRONG_TYPE, "expected a value, got one without a kind")


def _number(number: float) -> int | float:
    if not math.isfinite(number):
        raise Fault(Code.NUMBER_OUT_OF_RANGE, "expected a finite number")
    # JSON integers have no minus zero.
    is_whole = number.is_integer() and abs(number) <= MAX_EXACT_INTEGER and (number or math.copysign(1, number) > 0)
    return int(number) if is_whole else number
