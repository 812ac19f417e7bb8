"""Payloads as PostgreSQL gives them, without change of value."""

from __future__ import annotations

import json
import re

# Numbers this long may be out of reach of an int64; few payloads have any, the others take the quick way.
_LONG_NUMBER = re.compile(r"[0-9]{19}")
_INT64 = range(-(2**63), 2**63)


def load_payload(text: str) -> dict[str, object]:
    """Read a payload: integers exactly, other numbers as IEEE doubles.

    jsonb writes 1e300 as 301 digits; what no int64 can hold was a double when it came in, and goes out as one.
    """
    payload: dict[str, object]
    payload = json.loads(text, parse_int=_number) if _LONG_NUMBER.search(text) else json.loads(text)
    return payload


def _number(digits: str) -> int | float:
    number = int(digits)
    return number if number in _INT64 else float(number)
