"""Times: the clock, conversions between microseconds since 1970-01-01T00:00:00Z and datetimes, parsing and formatting."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

from ingestion.events.model import MAX_AHEAD, InvalidEvent
from ingestion.problems import Code

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# An integer below the first limit is in seconds, then in milliseconds, microseconds, and above all of them in nanoseconds.
SECONDS_BELOW = 5 * 10**9
MILLISECONDS_BELOW = 5 * 10**12
MICROSECONDS_BELOW = 5 * 10**15

# Turns each digit into "0", so that the shape of a text can be compared in one step.
DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
# datetime.fromisoformat parses texts of these shapes as `from_text` does; it accepts many others that RFC 3339 does not.
COMMON_SHAPES = {b"0000-00-00T00:00:00Z"} | {b"0000-00-00T00:00:00." + b"0" * digits + b"Z" for digits in range(1, 10)}

_RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LENIENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def now() -> int:
    """Return the time of this machine's clock in microseconds since the epoch."""
    return time.time_ns() // 1_000


def from_micros(microseconds: int) -> datetime:
    """Convert from microseconds since the epoch.

    :raises OverflowError: outside the years 1 to 9999
    """
    return EPOCH + microseconds * MICROSECOND


def to_micros(moment: datetime) -> int:
    """Convert to microseconds since the epoch."""
    return (moment - EPOCH) // MICROSECOND


def parse_date_or_time(text: str, *, lenient: bool = False) -> datetime:
    """Parse a date, which means its midnight in UTC, or an RFC 3339 time with a zone.

    :param lenient: also accept a space in place of the T, and a time without seconds
    :raises ValueError: neither of them
    """
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time_of_day(), tzinfo=UTC)
        if lenient and _LENIENT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        return from_micros(from_text(text))
    except (OverflowError, InvalidEvent) as error:
        raise ValueError("expected a date or a time with a zone") from error


def read(stamp: str | int) -> int:
    """Parse a timestamp of any form, the common ones fast.

    :raises InvalidEvent: another form, or no such instant
    :raises ValueError: no such instant
    """
    if isinstance(stamp, int):
        return from_number(stamp)
    if stamp.isascii() and stamp.encode().translate(DIGITS_TO_ZERO) in COMMON_SHAPES:
        return to_micros(datetime.fromisoformat(stamp))
    return from_text(stamp)


def from_text(text: str) -> int:
    """Parse an RFC 3339 timestamp with a zone; digits beyond the microsecond are cut off.

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
    return to_micros(local) + int(((fraction or "") + "000000")[:6]) - ahead * 60_000_000


def from_number(number: int) -> int:
    """Convert an integer since the epoch; its unit follows from its magnitude."""
    if number < SECONDS_BELOW:
        return number * 1_000_000
    if number < MILLISECONDS_BELOW:
        return number * 1_000
    if number < MICROSECONDS_BELOW:
        return number
    return number // 1_000


def check_range(ts: int, *, now: int) -> None:
    """Check that an event time is between 1970 and a day ahead of our clock.

    :raises InvalidEvent: it is not
    """
    if ts < 0:
        raise InvalidEvent(Code.INVALID_TIMESTAMP, "expected a time from 1970-01-01T00:00:00Z on", pointer="/timestamp")
    if ts > now + MAX_AHEAD:
        raise InvalidEvent(
            Code.INVALID_TIMESTAMP, "expected a time at most 24 hours ahead of ours", pointer="/timestamp"
        )


def to_text(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC with `Z`: without a fraction if it is 0, else with six digits."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_whole_seconds(moment: datetime) -> str:
    """Return a time as `to_text` does, without its fraction."""
    return to_text(moment.replace(microsecond=0))


def to_text_if_known(moment: datetime | None) -> str | None:
    """Return a time as `to_text` does; None for None."""
    return None if moment is None else to_text(moment)
