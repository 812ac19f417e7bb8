"""How much a web process writes into the cache: answers of one subject can't push everything else out of Redis."""

from __future__ import annotations

MAX_ANSWER = 512 * 1024  # bytes; twice the overview's state with 1,000 sources
# Bytes a second and subject. Aggregates are as many as there are parameters, and each is kept for 10 s at most: 20 MB of the
# 128 MB that a small Redis has.
RATE = 2 * 1024 * 1024
BURST = 4 * MAX_ANSWER


class CacheBudget:
    """A bucket of bytes for each subject. Subjects are named in the code, so there are few."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}  # subject -> bytes, seconds on the caller's clock

    def spend(self, subject: str, size: int, *, now: float) -> bool:
        """Return whether an answer of this size may be cached; it then counts.

        :param now: monotonic seconds
        """
        if size > MAX_ANSWER:
            return False
        left, since = self._left.get(subject, (float(BURST), now))
        left = min(float(BURST), left + (now - since) * RATE)
        allowed = left >= size
        self._left[subject] = (left - size if allowed else left, now)
        return allowed
