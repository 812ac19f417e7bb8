"""Rate limits of API keys: in each process a token bucket for each window of a key's rate.

A request is accepted while every bucket holds at least one token. That is checked at its head, and again when its events
are counted, where they are taken at once, so a bucket may fall below zero by one request: a batch larger than the bucket is
possible, and delays the next. Rejected events are taken like accepted ones. A request that is refused as a whole, or only
validated, takes as many as refused_events() returns.
"""

from __future__ import annotations

import math

from ingestion.problems import Code, RequestRejected
from ingestion.rate_windows import RateWindow

BYTES_PER_EVENT = 4096  # of a body that is refused
SWEEP = 10_000  # buckets; above it those that are full are dropped


def refused_events(size: int) -> int:
    """Return how many events a body that is refused as a whole counts for.

    :param size: bytes
    """
    return 1 + size // BYTES_PER_EVENT


class TokenBucket:
    """The token buckets of one key."""

    def __init__(self, windows: tuple[RateWindow, ...], *, now: float) -> None:
        self.windows = windows
        # For each window how many tokens it holds at most, and gets in a second: every request uses them several times.
        self._speeds = [(window.events, window.events / window.seconds) for window in windows]
        self._tokens = [float(window.events) for window in windows]
        self._at = now
        policy = ", ".join(f"{window.events};w={window.seconds}" for window in windows).encode()
        self._fixed_headers = [
            [(b"ratelimit-limit", b"%d" % window.events), (b"ratelimit-policy", policy)] for window in windows
        ]

    def check(self, now: float) -> None:
        """Check that a request may be accepted now.

        :param now: seconds on a monotonic clock
        :raises RequestRejected: a window is used up
        """
        if now != self._at:  # it is the same in the later checks of a request that came in one piece
            self._fill(now)
        if min(self._tokens) < 1:
            wait = max(self._wait(number) for number in range(len(self.windows)))
            retry = (b"retry-after", b"%d" % math.ceil(wait))
            detail = "the key has used up its rate; Retry-After is the time until the next event is accepted"
            raise RequestRejected(Code.RATE_LIMITED, detail, headers=[retry, *self.headers()])

    def take(self, events: int) -> None:
        """Take the events of a request from every bucket."""
        self._tokens = [left - events for left in self._tokens]

    def give_back(self, events: int) -> None:
        """Return tokens that were taken for events that were not accepted in the end."""
        self._tokens = [min(w.events, left + events) for w, left in zip(self.windows, self._tokens, strict=True)]

    def is_full(self, now: float) -> bool:
        """Return whether nothing would be lost with this bucket."""
        self._fill(now)
        return all(left >= window.events for window, left in zip(self.windows, self._tokens, strict=True))

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the RateLimit headers: the window with the smallest remaining share, and all windows as the policy."""
        shares = [left / most for left, (most, _) in zip(self._tokens, self._speeds, strict=True)]
        number = shares.index(min(shares))
        window, left = self.windows[number], self._tokens[number]
        reset = math.ceil((window.events - left) * window.seconds / window.events)
        return [
            *self._fixed_headers[number],
            (b"ratelimit-remaining", b"%d" % (left if left > 0 else 0)),
            (b"ratelimit-reset", b"%d" % reset),
        ]

    def _fill(self, now: float) -> None:
        passed, self._at = now - self._at, now
        self._tokens = [
            filled if (filled := left + passed * speed) < most else most
            for left, (most, speed) in zip(self._tokens, self._speeds, strict=True)
        ]

    def _wait(self, number: int) -> float:
        """Return the seconds until the window holds one token."""
        window = self.windows[number]
        return (1 - self._tokens[number]) * window.seconds / window.events


class TokenBuckets:
    """The buckets of all keys, by prefix; one is dropped only when it is full again, so that nothing refills it early."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}
        self._sweep_at = SWEEP

    def of(self, key: str, windows: tuple[RateWindow, ...], *, now: float) -> TokenBucket:
        """Return the bucket of a valid key; it is full if there was none of these windows.

        :param now: seconds on a monotonic clock
        """
        found = self._buckets.get(key)
        if found is None or found.windows != windows:
            if len(self._buckets) >= self._sweep_at:
                self._buckets = {name: bucket for name, bucket in self._buckets.items() if not bucket.is_full(now)}
                self._sweep_at = max(SWEEP, 2 * len(self._buckets))
            found = self._buckets[key] = TokenBucket(windows, now=now)
        return found
