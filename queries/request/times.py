"""Times as RFC 3339 text: formatting and parsing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ingestion.events import timestamps

# A `+` that was not percent-encoded arrives as a space.
_LOST_PLUS = re.compile(r" (?=\d\d:\d\d$)")


FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


class InvalidTime(ValueError):
    """The text is not a time; the message says what was expected."""


format_time = timestamps.to_text
to_micros = timestamps.to_micros
from_micros = timestamps.from_micros


def shifted(moment: datetime, by: timedelta) -> datetime:
    """Return a time earlier or later, at most the first or the last one of the calendar."""
    try:
        return moment + by
    except OverflowError:
        return FIRST if by < timedelta(0) else LAST


def parse_time(text: str) -> datetime:
    """Parse an RFC 3339 time with a zone, or a date, which means midnight UTC.

    :raises InvalidTime: it is neither
    """
    try:
        return timestamps.parse_date_or_time(_LOST_PLUS.sub("+", text), lenient=True)
    except ValueError as error:
        raise InvalidTime("expected a time with a zone, like 2025-04-11T12:00:00Z") from error
