"""How many events a key may send: token buckets, one for each window of its rate, in each process.

A request is let in while every bucket holds something, and its events are taken out of them when they are known, so that a
bucket may fall below zero by one request: a batch larger than the bucket is late, never impossible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from ingestion.problems import Code
from ingestion.requests import Refused

Headers = list[tuple[bytes, bytes]]

MAX_WINDOWS = 5


class BadRate(ValueError):
    """The text is no rate; it says what a rate looks like."""


@dataclass(frozen=True, slots=True)
class Window:
    """At most `events` in `seconds`."""

    events: int
    seconds: int


@lru_cache(maxsize=256)
def read_rate(text: str) -> tuple[Window, ...]:
    """Read `"200:1,5000:60"`; an empty text sets no limit.

    :raises BadRate: another form
    """
    windows = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        events, _, seconds = part.partition(":")
        if not (events.isascii() and events.isdigit() and seconds.isascii() and seconds.isdigit()):
            raise BadRate('expected events:seconds, several with commas, such as "200:1,5000:60"')
        windows.append(Window(int(events), int(seconds)))
    if len(windows) > MAX_WINDOWS or any(window.events < 1 or window.seconds < 1 for window in windows):
        raise BadRate(f"expected at most {MAX_WINDOWS} windows, each of one event or more in one second or more")
    return tuple(windows)


class Bucket:
    """What one key has left."""

    def __init__(self, windows: tuple[Window, ...], *, now: float) -> None:
        self.windows = windows
        self._left = [float(window.events) for window in windows]
        self._at = now
        self._policy = ", ".join(f"{window.events};w={window.seconds}" for window in windows).encode()

    def check(self, now: float) -> None:
        """Let a request in.

        :param now: seconds on a clock that never goes back
        :raises Refused: some window is used up
        """
        self._fill(now)
        if min(self._left) < 1:
            wait = max(self._wait(number) for number in range(len(self.windows)))
            retry = (b"retry-after", b"%d" % math.ceil(wait))
            detail = "the key has used up its rate; Retry-After says when the next event is taken"
            raise Refused(Code.RATE_LIMITED, detail, headers=[retry, *self.headers()])

    def take(self, events: int) -> None:
        """Take out what a request brought."""
        self._left = [left - events for left in self._left]

    def headers(self) -> Headers:
        """The window that is nearest to its end, and all of them as the policy."""
        shares = [left / window.events for left, window in zip(self._left, self.windows, strict=True)]
        number = shares.index(min(shares))
        window, left = self.windows[number], self._left[number]
        reset = math.ceil((window.events - left) * window.seconds / window.events)
        return [
            (b"ratelimit-limit", b"%d" % window.events),
            (b"ratelimit-remaining", b"%d" % max(0, math.floor(left))),
            (b"ratelimit-reset", b"%d" % reset),
            (b"ratelimit-policy", self._policy),
        ]

    def _fill(self, now: float) -> None:
        passed, self._at = now - self._at, now
        self._left = [
            min(window.events, left + passed * window.events / window.seconds)
            for window, left in zip(self.windows, self._left, strict=True)
        ]

    def _wait(self, number: int) -> float:
        """Seconds until the window holds one event."""
        window = self.windows[number]
        return (1 - self._left[number]) * window.seconds / window.events
