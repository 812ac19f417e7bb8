"""From a sender's timestamp to microseconds since 1970-01-01T00:00:00Z."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ingestion.contract import MAX_AHEAD, InvalidEvent
from ingestion.problems import Code

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# An integer is seconds below the first limit, then milliseconds, microseconds, and nanoseconds above them all.
SECONDS_BELOW = 5 * 10**9
MILLISECONDS_BELOW = 5 * 10**12
MICROSECONDS_BELOW = 5 * 10**15

# Each digit becomes "0", so that a text's shape can be compared at once.
DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
# Texts of these shapes mean the same to datetime.fromisoformat as to `from_text`; it takes many others that RFC 3339 does not.
COMMON_SHAPES = {b"0000-00-00T00:00:00Z"} | {b"0000-00-00T00:00:00." + b"0" * digits + b"Z" for digits in range(1, 10)}

_RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def read(stamp: str | int) -> int:
    """Read a timestamp of any form, the common ones quickly.

    :raises InvalidEvent: another form, or no such instant
    :raises ValueError: no such instant
    """
    if isinstance(stamp, int):
        return from_number(stamp)
    if stamp.isascii() and stamp.encode().translate(DIGITS_TO_ZERO) in COMMON_SHAPES:
        return (datetime.fromisoformat(stamp) - EPOCH) // MICROSECOND
    return from_text(stamp)


def from_text(text: str) -> int:
    """Read an RFC 3339 timestamp with a zone; digits beyond the microsecond are cut off.

    :raises InvalidEvent: another form, or no such instant
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise InvalidEvent(
            Code.INVALID_TIMESTAMP, "expected RFC 3339 with a zone: 2025-04-11T12:00:00Z", pointer="/timestamp"
        )
    *parts, fraction, sign, hours, minutes = match.groups()
    if (hours or "00") > "23" or (minutes or "00") > "59":
        raise InvalidEvent(Code.INVALID_TIMESTAMP, "no such offset from UTC", pointer="/timestamp")
    # datetime takes 24:00 as the next day from Python 3.14 on.
    if parts[3] > "23":
        raise InvalidEvent(Code.INVALID_TIMESTAMP, "no such hour", pointer="/timestamp")
    try:
        local = datetime(*map(int, parts), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError as error:
        raise InvalidEvent(Code.INVALID_TIMESTAMP, "no such date or time of day", pointer="/timestamp") from error
    ahead = (int(hours or 0) * 60 + int(minutes or 0)) * (-1 if sign == "-" else 1)
    return (local - EPOCH) // MICROSECOND + int(((fraction or "") + "000000")[:6]) - ahead * 60_000_000


def from_number(number: int) -> int:
    """Read an integer since the epoch, its unit told by its size."""
    if number < SECONDS_BELOW:
        return number * 1_000_000
    if number < MILLISECONDS_BELOW:
        return number * 1_000
    if number < MICROSECONDS_BELOW:
        return number
    return number // 1_000


def check_range(ts: int, *, now: int) -> None:
    """Hold an event time between 1970 and a day ahead of our clock.

    :raises InvalidEvent: outside
    """
    if ts < 0:
        raise InvalidEvent(Code.INVALID_TIMESTAMP, "expected a time from 1970-01-01T00:00:00Z on", pointer="/timestamp")
    if ts > now + MAX_AHEAD:
        raise InvalidEvent(
            Code.INVALID_TIMESTAMP, "expected a time at most 24 hours ahead of ours", pointer="/timestamp"
        )


def to_text(moment: datetime) -> str:
    """Give a time as RFC 3339 in UTC with `Z`: without a fraction when there is none, else with six digits."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_text_if_known(moment: datetime | None) -> str | None:
    """Give a time as `to_text` does; None stays None."""
    return None if moment is None else to_text(moment)
