"""The event contract: the types and limits of an event; `ingestion.events.parser` parses one."""

from __future__ import annotations

import re

import msgspec

from ingestion.problems import Code

SOURCE_ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
SOURCE_ID_FORM = "1 to 128 of A-Z a-z 0-9 . _ : - that start with a letter or digit"
MAX_DEPTH = 32  # levels of objects and lists; the payload itself is the first
MAX_KEYS = 1_000  # in one payload, over all levels
MAX_KEY_LENGTH = 256  # characters
MAX_AHEAD = 24 * 3600 * 1_000_000  # microseconds; an event's time may be ahead of our clock by so much

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
# Decimals within these limits fit PostgreSQL's numeric, and can't expand from a few bytes to kilobytes when printed.
MAX_NUMBER_LENGTH = 512  # characters
MAX_EXPONENT = 999


class InvalidEvent(Exception):
    """One event breaks the contract: a receiver rejects it, the consumer makes it a dead letter."""

    def __init__(self, code: Code, detail: str, *, pointer: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        # RFC 6901, from the event's root: "/payload/temperature"
        self.pointer = pointer


class Event(msgspec.Struct, frozen=True, gc=False):
    """A checked event. A msgspec.Struct: a frozen dataclass takes four times as long to create."""

    id: str  # canonical UUID, lower case
    source: str
    ts: int  # event time, microseconds since 1970-01-01T00:00:00Z
    payload: bytes  # the sender's JSON object, UTF-8, on one line
    # False: the sender gave no time, and `ts` is the receiver's clock. Sent again, the event has another `ts`, but is the same.
    timed: bool = True
    attributes: bytes = b""  # further attributes of the event (CloudEvents), as a JSON object on one line; empty: none
