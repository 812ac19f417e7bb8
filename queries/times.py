"""Times as RFC 3339 text: formatting and parsing."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from ingestion import timestamps

# A `+` that was not percent-encoded arrives as a space.
_LOST_PLUS = re.compile(r" (?=\d\d:\d\d$)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class InvalidTime(ValueError):
    """The text is not a time; the message says what was expected."""


format_time = timestamps.to_text


def to_micros(moment: datetime) -> int:
    """Return microseconds since the epoch."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the time this many microseconds after the epoch."""
    return _EPOCH + micros * _MICROSECOND


def parse_time(text: str) -> datetime:
    """Parse an RFC 3339 time with a zone, or a date, which means midnight UTC.

    :raises InvalidTime: it is neither
    """
    text = _LOST_PLUS.sub("+", text)
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC)
        if not _TIME.fullmatch(text):
            raise InvalidTime("expected a time with a zone, like 2025-04-11T12:00:00Z")
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidTime("expected a time with a zone, like 2025-04-11T12:00:00Z") from error
