"""Event ids: the check of those that senders set, and how to derive one for an event without."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from hashlib import blake2b

NIL = "00000000-0000-0000-0000-000000000000"
is_canonical = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch

# A hexadecimal digit with its two high bits set to RFC 9562's variant.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_VARIANTS = bytes.maketrans("".join(_VARIANT).encode(), "".join(_VARIANT.values()).encode())

_EMPTY = blake2b(digest_size=10)
WORTH_COLUMNS = 4  # ids; fewer are sooner made one by one
# An id on a line of its own, and for each place of it which digit stands there: of the time's 16, or of the digest's 20.
_TEMPLATE = b"........-....-8...-....-............\n"
_LENGTH = len(_TEMPLATE)
_OF_TIME = [*zip(range(8), range(4, 12), strict=True), *zip(range(9, 13), range(12, 16), strict=True)]
_OF_DIGEST = [
    *zip(range(15, 18), range(1, 4), strict=True),
    *zip(range(19, 23), range(4, 8), strict=True),
    *zip(range(24, 36), range(8, 20), strict=True),
]
_VARIANT_PLACE = 19


def derived_id(content: bytes, ts: int) -> str:
    """Return the UUIDv8 of an event that came without an id: 48 bits of milliseconds, then 74 bits of a hash.

    :param content: source, timestamp as sent and payload on one line each
    :param ts: event time in microseconds
    """
    milliseconds = (ts // 1000).to_bytes(6, "big").hex("-", -4)
    digits = blake2b(content, digest_size=10).digest().hex("-", 6)
    return f"{milliseconds}-8{digits[1:4]}-{_VARIANT[digits[4]]}{digits[5:]}"


def derived_ids(contents: Sequence[bytes], times: Sequence[int]) -> list[str]:
    """Return the derived id of each event of a batch, as derived_id() does.

    The texts are set column by column, a digit of all ids at once: 0.7 µs an event, where derived_id() takes 1.4 µs.
    """
    count = len(contents)
    if count < WORTH_COLUMNS:
        return list(map(derived_id, contents, times))
    # Eight bytes each, of which the first two are zeros.
    milliseconds = struct.pack(f">{count}Q", *[ts // 1000 for ts in times]).hex().encode()
    digests = b"".join(_digests(contents)).hex().encode()
    texts = bytearray(_TEMPLATE * count)
    for place, digit in _OF_TIME:
        texts[place::_LENGTH] = milliseconds[digit::16]
    for place, digit in _OF_DIGEST:
        texts[place::_LENGTH] = digests[digit::20]
    texts[_VARIANT_PLACE::_LENGTH] = texts[_VARIANT_PLACE::_LENGTH].translate(_VARIANTS)
    return texts[:-1].decode().split("\n")


def _digests(contents: Sequence[bytes]) -> list[bytes]:
    found: list[bytes] = []
    copy = _EMPTY.copy
    for content in contents:
        # A quarter cheaper than a new one with its parameters.
        digest = copy()
        digest.update(content)
        found.append(digest.digest())
    return found


def named_id(*names: str) -> str:
    """Return the UUIDv8 of something that is identified by names: 122 bits of their hash, without a time."""
    content = b"\0".join(name.encode() for name in names)
    digits = blake2b(content, digest_size=16).digest().hex()
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"
