"""Encodes records as Kafka stores them: one batch of format 2. https://kafka.apache.org/documentation/#recordbatch"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache

from kafka.record.util import calc_crc32c

from ingestion.kafka.producer_record import ProducerRecord

OVERHEAD = 61  # bytes of a batch without its records
# Offset, length of what follows, epoch of the leader (the broker sets it), format, checksum of what follows.
_HEAD = struct.Struct(">qiibI")
# Attributes (none: no compression), the last record's number, first and last time, no producer id, epoch and sequence, count.
_BODY = struct.Struct(">hiqqqhii")
_NOT_IN_LENGTH = 12  # bytes: the offset, and the length itself
_NULL = b"\x01"  # the length of what is not there: -1


def encode(records: Sequence[ProducerRecord], *, now: int) -> bytes:
    """Return one uncompressed batch of the records, which are of one partition.

    A record of 270 bytes takes 3.4 µs and one of 36 kB 7 µs; with the client's own encoder they take 13 and 24 µs.

    :param now: milliseconds since the epoch
    """
    last = len(records) - 1
    parts = [_BODY.pack(0, last, now, now, -1, -1, -1, len(records))]
    for number, record in enumerate(records):
        parts += _record(number, record)
    body = b"".join(parts)
    length = OVERHEAD - _BODY.size - _NOT_IN_LENGTH + len(body)
    return _HEAD.pack(0, length, -1, 2, calc_crc32c(body)) + body


def _record(number: int, record: ProducerRecord) -> list[bytes]:
    """Return the parts of a record; its value may be long, and is copied only when all are joined."""
    # Attributes, then the difference to the batch's time: both 0.
    parts = [b"\0\0", varint(number), *_sized(record.key), *_sized(record.value), varint(len(record.headers))]
    for name, value in record.headers:
        parts += _sized(name.encode())
        parts += _sized(value)
    return [varint(sum(map(len, parts))), *parts]


def _sized(text: bytes | None) -> tuple[bytes, ...]:
    return (_NULL,) if text is None else (varint(len(text)), text)


# Most numbers are lengths of the same few headers, and numbers of records.
@lru_cache(maxsize=4096)
def varint(number: int) -> bytes:
    """Return a number that is not negative as Kafka's variable-length integer (zigzag, as in Protocol Buffers)."""
    left = number << 1
    digits = bytearray()
    while left > 0x7F:
        digits.append(left & 0x7F | 0x80)
        left >>= 7
    digits.append(left)
    return bytes(digits)


def size(records: Iterable[ProducerRecord]) -> int:
    """Return how many bytes the values of records are together, which is nearly all of a batch."""
    return sum([len(record.value) for record in records])
