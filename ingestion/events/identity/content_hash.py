"""The hash of an event's content, which distinguishes duplicates from conflicts."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from ingestion.events.model import INT64_MAX, INT64_MIN

_MAY_DIFFER = frozenset({float, dict, list})
_encode = msgspec.json.Encoder(order="sorted").encode


def content_hash(ts: int | None, payload: dict[str, Any]) -> int:
    """Return a signed 64-bit hash of event time and JSON values: equal for 1 and 1.0, and for any order of keys.

    Integers differ in every digit, also beyond the precision of floats.

    :param ts: microseconds since the epoch; None if the sender gave no time
    """
    for value in payload.values():
        # Only numbers that can be written in two ways need a canonical form; objects and arrays may contain such.
        kind = value.__class__
        if (kind is float and value.is_integer()) or kind is dict or kind is list:
            payload = {
                key: _canonical(member) if member.__class__ in _MAY_DIFFER else member
                for key, member in payload.items()
            }
            break
    return int.from_bytes(blake2b(_encode((ts, payload)), digest_size=8).digest(), "little", signed=True)


def _canonical(value: object) -> object:
    if isinstance(value, float):
        # A float beyond 64 bits can't equal an integer of the contract, and msgspec could not encode it as one.
        return int(value) if value.is_integer() and INT64_MIN <= value <= INT64_MAX else value
    if isinstance(value, dict):
        return {key: _canonical(member) for key, member in value.items()}
    return [_canonical(item) for item in value] if isinstance(value, list) else value
