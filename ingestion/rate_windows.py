"""The rate of an API key as text: so many events in so many seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

MAX_WINDOWS = 5


class InvalidRate(ValueError):
    """The text is not a rate; the message describes the expected form."""


@dataclass(frozen=True, slots=True)
class RateWindow:
    """At most `events` in `seconds`."""

    events: int
    seconds: int


@lru_cache(maxsize=256)
def parse_rate(text: str) -> tuple[RateWindow, ...]:
    """Parse `"200:1,5000:60"`; an empty text sets no limit.

    :raises InvalidRate: not of this form
    """
    windows = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        events, _, seconds = part.partition(":")
        if not (events.isascii() and events.isdigit() and seconds.isascii() and seconds.isdigit()):
            raise InvalidRate('expected events:seconds, several with commas, such as "200:1,5000:60"')
        windows.append(RateWindow(int(events), int(seconds)))
    if len(windows) > MAX_WINDOWS or any(window.events < 1 or window.seconds < 1 for window in windows):
        raise InvalidRate(f"expected at most {MAX_WINDOWS} windows, each of one event or more in one second or more")
    return tuple(windows)
