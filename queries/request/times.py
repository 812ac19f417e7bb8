"""Times as RFC 3339 text: formatting and parsing."""

from __future__ import annotations

import re
from datetime import datetime

from ingestion.events import timestamps

# A `+` that was not percent-encoded arrives as a space.
_LOST_PLUS = re.compile(r" (?=\d\d:\d\d$)")


class InvalidTime(ValueError):
    """The text is not a time; the message says what was expected."""


format_time = timestamps.to_text
to_micros = timestamps.to_micros
from_micros = timestamps.from_micros


def parse_time(text: str) -> datetime:
    """Parse an RFC 3339 time with a zone, or a date, which means midnight UTC.

    :raises InvalidTime: it is neither
    """
    try:
        return timestamps.parse_date_or_time(_LOST_PLUS.sub("+", text), lenient=True)
    except ValueError as error:
        raise InvalidTime("expected a time with a zone, like 2025-04-11T12:00:00Z") from error
