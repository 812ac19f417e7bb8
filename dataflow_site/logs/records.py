"""What every form of a log line takes from its record."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

# What every record has; the rest came with `extra`.
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}


def timestamp(record: logging.LogRecord) -> str:
    """Return when the record was made: RFC 3339, UTC, milliseconds."""
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return f"{moment.removesuffix('+00:00')}Z"


def fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields that came with a record."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def one_line(text: str) -> str:
    """Return a text in which nothing ends a line; what would is escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
