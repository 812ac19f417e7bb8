"""Fast checks of a payload: what passes is valid; the rest is left to `ingestion.events.strict_parser`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from ingestion.events.model import INT64_MAX, INT64_MIN, MAX_KEY_LENGTH, MAX_KEYS, MAX_NUMBER_LENGTH
from ingestion.events.timestamps import DIGITS_TO_ZERO

Values = dict[str, Any]

_NESTED = {dict, list}
_WITH_COLONS = {str, dict, list}

_Key = Annotated[str, msgspec.Meta(max_length=MAX_KEY_LENGTH)]
_Scalar = Annotated[int, msgspec.Meta(ge=INT64_MIN, le=INT64_MAX)] | float | str | bool | None
# Written out, since each further level doubles what msgspec builds. Deeper payloads are left to the strict parser.
_Level1 = _Scalar | list[_Scalar] | dict[_Key, _Scalar]
_Level2 = _Scalar | list[_Level1] | dict[_Key, _Level1]
_Level3 = _Scalar | list[_Level2] | dict[_Key, _Level2]
_Level4 = _Scalar | list[_Level3] | dict[_Key, _Level3]

decode_flat = msgspec.json.Decoder(dict[_Key, _Scalar]).decode
# For a payload whose text is no longer than a key may be. msgspec remembers keys that have no bounds: a third quicker.
decode_short = msgspec.json.Decoder(dict[str, _Scalar]).decode
_decode_nested = msgspec.json.Decoder(dict[_Key, _Level4]).decode

# A number longer than the limit has a run of this many digits before the point, after it or in the exponent.
_LONG_RUN = b"0" * (MAX_NUMBER_LENGTH // 3 - 10)
_LONG_EXPONENT = re.compile(rb"[eE][+-]?[0-9]{4}")


def decode(payload: bytes) -> Values | None:
    """Return the values of a payload; None: only the strict parser can check them.

    :raises msgspec.MsgspecError: invalid, or nested deeper than five levels
    """
    try:
        values: Values = decode_flat(payload)
        nested = False
    except msgspec.ValidationError:
        values = _decode_nested(payload)
        nested = True
    if (members(values) if nested else len(values)) > MAX_KEYS or may_hold_odd_numbers(
        payload, zero=nested or not all(values.values())
    ):
        return None
    return values


def members(values: Values) -> int:
    """Return the number of keys over all levels."""
    return len(values) + _members(values.values())


def _members(values: Iterable[Any]) -> int:
    # Most values are plain, and a call for each of a long list would take most of the time.
    nested = [value for value in values if type(value) in _NESTED]
    return sum([members(value) if type(value) is dict else _members(value) for value in nested])


def colons(value: object) -> int:
    """Return the number of colons in the JSON of a value without duplicate keys and without escaped colons."""
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, dict):
        return _colons(value) + _colons(value.values()) + len(value)
    return _colons(value) if isinstance(value, list) else 0


def _colons(values: Iterable[Any]) -> int:
    return sum([colons(value) for value in values if type(value) in _WITH_COLONS])


def may_hold_odd_numbers(payload: bytes, *, zero: bool) -> bool:
    """Return whether the text of a number may be invalid although its value is valid.

    :param zero: whether some value may be 0.0, the only result of a large exponent in a short number
    """
    if len(payload) > MAX_NUMBER_LENGTH and _LONG_RUN in payload.translate(DIGITS_TO_ZERO):
        return True
    return zero and _LONG_EXPONENT.search(payload) is not None
