"""Rate limits of API keys: in each process a token bucket for each window of a key's rate.

A request is accepted while every bucket holds at least one token. Its events are taken from the buckets once they are
counted, so a bucket may fall below zero by one request: a batch larger than the bucket is possible, and delays the next.
"""

from __future__ import annotations

import math

from ingestion.problems import Code, RequestRejected
from ingestion.rate_windows import RateWindow


class TokenBucket:
    """The token buckets of one key."""

    def __init__(self, windows: tuple[RateWindow, ...], *, now: float) -> None:
        self.windows = windows
        self._tokens = [float(window.events) for window in windows]
        self._at = now
        self._policy = ", ".join(f"{window.events};w={window.seconds}" for window in windows).encode()

    def check(self, now: float) -> None:
        """Check that a request may be accepted now.

        :param now: seconds on a monotonic clock
        :raises RequestRejected: a window is used up
        """
        self._fill(now)
        if min(self._tokens) < 1:
            wait = max(self._wait(number) for number in range(len(self.windows)))
            retry = (b"retry-after", b"%d" % math.ceil(wait))
            detail = "the key has used up its rate; Retry-After is the time until the next event is accepted"
            raise RequestRejected(Code.RATE_LIMITED, detail, headers=[retry, *self.headers()])

    def take(self, events: int) -> None:
        """Take the events of a request from every bucket."""
        self._tokens = [left - events for left in self._tokens]

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the RateLimit headers: the window with the smallest remaining share, and all windows as the policy."""
        shares = [left / window.events for left, window in zip(self._tokens, self.windows, strict=True)]
        number = shares.index(min(shares))
        window, left = self.windows[number], self._tokens[number]
        reset = math.ceil((window.events - left) * window.seconds / window.events)
        return [
            (b"ratelimit-limit", b"%d" % window.events),
            (b"ratelimit-remaining", b"%d" % max(0, math.floor(left))),
            (b"ratelimit-reset", b"%d" % reset),
            (b"ratelimit-policy", self._policy),
        ]

    def _fill(self, now: float) -> None:
        passed, self._at = now - self._at, now
        self._tokens = [
            min(window.events, left + passed * window.events / window.seconds)
            for window, left in zip(self.windows, self._tokens, strict=True)
        ]

    def _wait(self, number: int) -> float:
        """Return the seconds until the window holds one token."""
        window = self.windows[number]
        return (1 - self._tokens[number]) * window.seconds / window.events
