"""The JSON text that a protobuf Struct stands for."""

from __future__ import annotations

import math

import msgspec
from google.protobuf.struct_pb2 import Struct, Value

from ingestion import strict
from ingestion.contract import InvalidEvent
from ingestion.problems import Code

EXACT = 2**53  # up to here a double holds every integer

# A Struct's members have no order of their own, and the same Struct has to have the same text each time.
_encode = msgspec.json.Encoder(order="sorted").encode


def text(struct: Struct) -> bytes:
    """Write a Struct without white space and with sorted keys; a whole number within 2^53 is an integer.

    :raises InvalidEvent: a number that is not finite, or a value that is none
    """
    return _encode(_members(struct, pointer="/payload"))


def _members(struct: Struct, *, pointer: str) -> dict[str, object]:
    return {key: _value(value, pointer=strict.at(pointer, key)) for key, value in struct.fields.items()}


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
    # Minus zero is no integer.
    is_whole = number.is_integer() and abs(number) <= EXACT and (number or math.copysign(1, number) > 0)
    return int(number) if is_whole else number
