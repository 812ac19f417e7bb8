"""Times as RFC 3339 text: formatting and parsing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ingestion.events import timestamps

# A `+` that was not percent-encoded arrives as a space.
_LOST_PLUS = re.compile(r" (?=\d\d:\d\d$)")

_RELATIVE = re.compile(r"now(?:(?P<sign>[+-])(?P<number>[0-9]{1,6})(?P<unit>[smhdw]))?", re.ASCII)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_WITH_MICROSECONDS = len("2025-04-11 12:00:00.123456+00")
_A_TIME = "expected a time with a zone, like 2025-04-11T12:00:00Z"

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


class InvalidTime(ValueError):
    """The text is not a time; the message says what was expected."""


format_time = timestamps.to_text
to_micros = timestamps.to_micros
from_micros = timestamps.from_micros


def as_rfc_3339(text: str) -> str:
    """Return PostgreSQL's text of a time in UTC, `2025-04-11 12:00:00.5+00`, as answers show it."""
    if len(text) == _WITH_MICROSECONDS:
        return f"{text[:10]}T{text[11:26]}Z"
    fraction = text[19:-3]
    return f"{text[:10]}T{text[11:19]}{fraction.ljust(7, '0') if fraction else ''}Z"


def shifted(moment: datetime, by: timedelta) -> datetime:
    """Return a time earlier or later, at most the first or the last one of the calendar."""
    try:
        return moment + by
    except OverflowError:
        return FIRST if by < timedelta(0) else LAST


def parse_moment(text: str, *, now: datetime) -> datetime:
    """Parse a time, as for `parse_time`, or as `now`, `now-6h`, `now+1d`, or as an integer since the epoch.

    The unit of an integer follows from its size, as for the times of events.

    :raises InvalidTime: it is none of them
    """
    try:
        if re.fullmatch(r"[0-9]{1,19}", text, re.ASCII):
            return from_micros(timestamps.from_number(int(text)))
        match = _RELATIVE.fullmatch(text)
        if match is None:
            return parse_time(text)
    except (OverflowError, ValueError) as error:
        raise InvalidTime(f"{_A_TIME}, or one like now-6h") from error
    if match["sign"] is None:
        return now
    distance = int(match["number"]) * _UNITS[match["unit"]]
    return shifted(now, distance if match["sign"] == "+" else -distance)


def parse_time(text: str) -> datetime:
    """Parse an RFC 3339 time with a zone, or a date, which means midnight UTC.

    :raises InvalidTime: it is neither
    """
    try:
        return timestamps.parse_date_or_time(_LOST_PLUS.sub("+", text), lenient=True)
    except ValueError as error:
        raise InvalidTime(_A_TIME) from error
