"""A range of events: a time range, and one source or all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ingestion.events import timestamps


@dataclass(frozen=True, slots=True)
class EventRange:
    """Events from `since` up to, not including, `until`; None: no bound, or all sources."""

    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None

    @property
    def timed(self) -> bool:
        """Return whether it has a time bound."""
        return self.since is not None or self.until is not None

    def micros(self) -> tuple[int | None, int | None]:
        """Return the bounds in microseconds since the epoch."""
        return tuple(None if bound is None else timestamps.to_micros(bound) for bound in (self.since, self.until))  # type: ignore[return-value]

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the condition that `where` returns."""
        return {"since": self.since, "until": self.until, "source": self.source}


def parse(text: str) -> datetime:
    """Parse a date (its midnight in UTC) or an RFC 3339 time with a zone.

    :raises ValueError: it is neither; the message says what was expected
    """
    try:
        return timestamps.parse_date_or_time(text)
    except ValueError as error:
        raise ValueError("expected a date or a time with a zone: 2026-03-01, 2026-03-01T12:00:00Z") from error


def where(time: str, *, source: str = "source_id") -> str:
    """Return the SQL condition for a row in the range, by one of its times. A row without that time is in the range."""
    return (
        f"(%(since)s::timestamptz IS NULL OR {time} IS NULL OR {time} >= %(since)s)"
        f" AND (%(until)s::timestamptz IS NULL OR {time} IS NULL OR {time} < %(until)s)"
        f" AND (%(source)s::text IS NULL OR {source} = %(source)s)"
    )
