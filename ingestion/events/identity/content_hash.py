"""The hash of an event's content, which distinguishes duplicates from conflicts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from struct import unpack
from typing import Any

import msgspec

from ingestion.events.model import INT64_MAX, INT64_MIN

_MAY_DIFFER = frozenset({float, dict, list})
_encoder = msgspec.json.Encoder(order="sorted")
# How msgspec ends a float without a fraction, up to 1e16 and from there to the end of 64 bits. Texts may hold the same.
_WHOLE = re.compile(rb"\.0[,}\]]")
_LARGE_WHOLE = re.compile(rb"e1[678]")


def content_hash(ts: int | None, payload: dict[str, Any]) -> int:
    """Return a signed 64-bit hash of event time and JSON values: equal for 1 and 1.0, and for any order of keys.

    Integers differ in every digit, also beyond the precision of floats.

    :param ts: microseconds since the epoch; None if the sender gave no time
    """
    return int.from_bytes(blake2b(_text(ts, payload), digest_size=8).digest(), "little", signed=True)


def content_hashes(times: Sequence[int | None], payloads: Sequence[dict[str, Any]]) -> list[int]:
    """Return the `content_hash` of many events, in 0.7 of the time.

    All are written at once, and only those whose text may hold a float without a fraction again, one by one.
    """
    written = _encoder.encode_lines(list(zip(times, payloads, strict=True)))
    texts = written.split(b"\n")[:-1]
    for index in _with_whole_floats(written, texts):
        texts[index] = _text(times[index], payloads[index])
    digests = b"".join([blake2b(text, digest_size=8).digest() for text in texts])
    return list(unpack(f"<{len(texts)}q", digests))


def is_same_content(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two payloads have the same `content_hash`, mostly in a tenth of the time."""
    # To Python only true and 1, and false and 0, are equal beyond it.
    return one is other or (one == other and content_hash(None, one) == content_hash(None, other))


def _with_whole_floats(written: bytes, texts: Sequence[bytes]) -> set[int]:
    """Return the indexes of the texts that may hold floats without a fraction; `written` holds them as its lines."""
    places = [found.start() for pattern in (_WHOLE, _LARGE_WHOLE) for found in pattern.finditer(written)]
    if not places:
        return set()
    ends = list(accumulate(len(text) + 1 for text in texts))
    return {bisect_left(ends, place + 1) for place in places}


def _text(ts: int | None, payload: dict[str, Any]) -> bytes:
    """Return the JSON that is hashed."""
    for value in payload.values():
        # Only numbers that can be written in two ways need a canonical form; objects and arrays may contain such.
        kind = value.__class__
        if (kind is float and value.is_integer()) or kind is dict or kind is list:
            payload = {
                key: _canonical(member) if member.__class__ in _MAY_DIFFER else member
                for key, member in payload.items()
            }
            break
    return _encoder.encode((ts, payload))


def _canonical(value: object) -> object:
    if isinstance(value, float):
        # A float beyond 64 bits can't equal an integer of the contract, and msgspec could not encode it as one.
        return int(value) if value.is_integer() and INT64_MIN <= value <= INT64_MAX else value
    if isinstance(value, dict):
        return {key: _canonical(member) for key, member in value.items()}
    return [_canonical(item) for item in value] if isinstance(value, list) else value
