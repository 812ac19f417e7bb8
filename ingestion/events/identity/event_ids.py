"""Event ids: the check of those that senders set, and how to derive one for an event without."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

NIL = "00000000-0000-0000-0000-000000000000"
is_canonical = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch

# A hexadecimal digit with its two high bits set to RFC 9562's variant.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def derived_id(content: bytes, ts: int) -> str:
    """Return the UUIDv8 of an event that came without an id: 48 bits of milliseconds, then 74 bits of a hash.

    :param content: source, timestamp as sent and payload on one line each
    :param ts: event time in microseconds
    """
    milliseconds = (ts // 1000).to_bytes(6, "big").hex("-", -4)
    digits = blake2b(content, digest_size=10).digest().hex("-", 6)
    return f"{milliseconds}-8{digits[1:4]}-{_VARIANT[digits[4]]}{digits[5:]}"


def derived_ids(contents: Iterable[bytes], times: Iterable[int]) -> list[str]:
    """Return the derived id of each event of a batch."""
    return list(map(derived_id, contents, times))


def named_id(*names: str) -> str:
    """Return the UUIDv8 of something that is identified by names: 122 bits of their hash, without a time."""
    content = b"\0".join(name.encode() for name in names)
    digits = blake2b(content, digest_size=16).digest().hex()
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"
