"""The text that a protobuf Timestamp stands for: the one that it has in the JSON of Protocol Buffers."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

from ingestion.contract import InvalidEvent
from ingestion.problems import Code

FIRST = -62_135_596_800  # 0001-01-01T00:00:00Z, in seconds since 1970
LAST = 253_402_300_799  # 9999-12-31T23:59:59Z


def text(instant: Timestamp) -> str:
    """Write an instant with 0, 3, 6 or 9 digits of a fraction, as many as it needs.

    :raises InvalidEvent: no such instant
    """
    seconds, nanos = instant.seconds, instant.nanos
    if not (FIRST <= seconds <= LAST and 0 <= nanos < 1_000_000_000):
        raise InvalidEvent(Code.INVALID_TIMESTAMP, "no such instant", pointer="/timestamp")
    if not nanos:
        return _second(seconds) + "Z"
    if nanos % 1_000:
        return f"{_second(seconds)}.{nanos:09}Z"
    if nanos % 1_000_000:
        return f"{_second(seconds)}.{nanos // 1_000:06}Z"
    return f"{_second(seconds)}.{nanos // 1_000_000:03}Z"


# Events of one batch share their seconds, mostly.
@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
