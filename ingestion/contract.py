"""What an event is, in figures and types; `ingestion.events` parses one."""

from __future__ import annotations

import re

import msgspec

from ingestion.problems import Code

SOURCE_ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
MAX_DEPTH = 32  # levels of objects and lists; the payload itself is the first
MAX_KEYS = 1_000  # in one payload, over all levels
MAX_KEY_LENGTH = 256  # characters
MAX_AHEAD = 24 * 3600 * 1_000_000  # microseconds that an event may be ahead of our clock

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
# A decimal within these is within PostgreSQL's numeric too, and can't grow from a few bytes to a page when it is read.
MAX_NUMBER_LENGTH = 512  # characters
MAX_EXPONENT = 999


class InvalidEvent(Exception):
    """One event breaks the contract; the catcher rejects it (door) or sets it aside (consumer)."""

    def __init__(self, code: Code, detail: str, *, pointer: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        # RFC 6901, from the event's root: "/payload/temperature"
        self.pointer = pointer


class Event(msgspec.Struct, frozen=True, gc=False):
    """A checked event. A msgspec.Struct, since a frozen dataclass costs four times as much to make."""

    id: str  # canonical UUID, lower case
    source: str
    ts: int  # event time, microseconds since 1970-01-01T00:00:00Z
    payload: bytes  # the sender's JSON object, UTF-8, on one line
    # The sender gave no time and `ts` is the door's: sent again, the event has another time and is the same.
    timed: bool = True
    attributes: bytes = b""  # what else came with the event, as a JSON object on one line; empty: nothing
