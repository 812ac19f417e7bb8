"""Reads payloads from the text of jsonb without changing their values."""

from __future__ import annotations

import json
import re

import msgspec

# Numbers this long may not fit into an int64. Few payloads have any; the others take the fast path.
_LONG_NUMBER = re.compile(r"[0-9]{19}")
_INT64 = range(-(2**63), 2**63)
_decode = msgspec.json.Decoder(dict[str, object]).decode


def load_payload(text: str) -> dict[str, object]:
    """Read a payload: integers exactly, other numbers as IEEE doubles.

    jsonb writes 1e300 as 301 digits. A number that does not fit into an int64 was received as a double and is returned as one.
    """
    payload: dict[str, object]
    payload = json.loads(text, parse_int=_number) if _LONG_NUMBER.search(text) else _decode(text)
    return payload


def _number(digits: str) -> int | float:
    number = int(digits)
    return number if number in _INT64 else float(number)
