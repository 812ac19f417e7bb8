"""Numbers, ages and states as short texts."""

from __future__ import annotations

from datetime import UTC, datetime

from ingestion.management.terminal import Tone
from queries.request.times import parse_time
from queries.sources.health.state import State

UNKNOWN = "–"
MINUTE, HOUR, DAY = 60, 3600, 86_400
_TONES: dict[State, Tone] = {
    "held": "bad",
    "failing": "bad",
    "silent": "bad",
    "late": "warn",
    "skewed": "warn",
    "new": "unknown",
    "disabled": "unknown",
    "live": "good",
}


def tone_of_source(state: State) -> Tone:
    """Return the tone in which the state of a source is shown."""
    return _TONES[state]


def amount(number: float | None) -> str:
    """Return a number with as many digits as one reads at a glance."""
    if number is None:
        return UNKNOWN
    return (
        f"{number:,.0f}"
        if abs(number) >= 100 or number == 0
        else f"{number:,.1f}"
        if abs(number) >= 1
        else f"{number:.2g}"
    )


def duration(seconds: float) -> str:
    """Return a length of time in its largest unit."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds // MINUTE:.0f} min"
    return f"{seconds // HOUR:.0f} h" if seconds < 2 * DAY else f"{seconds // DAY:.0f} d"


def ago(time: str | None, now: datetime | None = None) -> str:
    """Return how long ago a time was, in RFC 3339."""
    if time is None:
        return UNKNOWN
    return duration(max(0.0, ((now or datetime.now(tz=UTC)) - parse_time(time)).total_seconds()))
