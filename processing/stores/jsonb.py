"""Reads payloads from the text of jsonb without changing their values."""

from __future__ import annotations

import json
import re

import msgspec

# Numbers this long may not fit into an int64. Few payloads have any; the others take the fast path.
LONG = 19  # digits
_LONG_NUMBER = re.compile(rf"[0-9]{{{LONG}}}")
_INT64 = range(-(2**63), 2**63)
_decode = msgspec.json.Decoder(dict[str, object]).decode
_decode_any = msgspec.json.Decoder().decode


def load_payload(text: str) -> dict[str, object]:
    """Read a payload: integers exactly, other numbers as IEEE doubles.

    jsonb writes 1e300 as 301 digits. A number that does not fit into an int64 was received as a double and is returned as one.
    """
    payload: dict[str, object]
    payload = json.loads(text, parse_int=_number) if _LONG_NUMBER.search(text) else _decode(text)
    return payload


def load_value(text: str) -> object:
    """Read any value as `load_payload` reads a payload."""
    value: object = json.loads(text, parse_int=_number) if _LONG_NUMBER.search(text) else _decode_any(text)
    return value


def canonical(text: str) -> str:
    """Return the JSON of a value as answers show it: a number that was received as a double is written as one."""
    return msgspec.json.encode(load_value(text)).decode() if _LONG_NUMBER.search(text) else text


def _number(digits: str) -> int | float:
    number = int(digits)
    return number if number in _INT64 else float(number)
