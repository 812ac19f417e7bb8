"""The JSON text of protobuf's well-known types: Timestamp and Struct."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from ingestion.events import strict_parser
from ingestion.events.model import InvalidEvent
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
    return _encode(_members(struct, pointer="/payload"))


def _members(struct: Struct, *, pointer: str) -> dict[str, object]:
    return {key: _value(value, pointer=strict_parser.at(pointer, key)) for key, value in struct.fields.items()}


def _value(value: Value, *, pointer: str) -> object:
    match value.WhichOneof("kind"):
        case "number_value":
            return _number(value.number_value, pointer=pointer)
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "null_value":
            return None
        case "struct_value":
            return _members(value.struct_value, pointer=pointer)
        case "list_value":
            return [_value(item, pointer=f"{pointer}/{index}") for index, item in enumerate(value.list_value.values)]
    # The definition of Value forbids it: https://protobuf.dev/reference/protobuf/google.protobuf/#value
    raise InvalidEvent(Code.WRONG_TYPE, f"{pointer}: expected a value, got one without a kind", pointer=pointer)


def _number(number: float, *, pointer: str) -> int | float:
    if not math.isfinite(number):
        raise InvalidEvent(Code.NUMBER_OUT_OF_RANGE, f"{pointer}: expected a finite number", pointer=pointer)
    # JSON integers have no minus zero.
    is_whole = number.is_integer() and abs(number) <= MAX_EXACT_INTEGER and (number or math.copysign(1, number) > 0)
    return int(number) if is_whole else number
