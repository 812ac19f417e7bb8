"""How many new sources each key may begin in one process within a window of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Set

from ingestion.runtime.limits import receiver_limits

WINDOW_SECONDS = 3600.0
# Each key may begin so many, also when the others have used up what the process accepts.
ALWAYS = 100


class SourceQuota:
    """The new sources of the current window, by key. Sources that are registered are not counted."""

    def __init__(self) -> None:
        self._begun: defaultdict[str, set[str]] = defaultdict(set)
        self._total = 0
        self._ends = 0.0

    def claim(self, key: str, sources: Set[str], *, now: float) -> set[str]:
        """Count the sources that a key begins; return those that are too many, which are not counted.

        :param key: the prefix of the key; empty if no key was required
        :param now: seconds on a monotonic clock
        """
        if now >= self._ends:
            self._begun.clear()
            self._total, self._ends = 0, now + WINDOW_SECONDS
        begun = self._begun[key]
        fresh = sources - begun
        left = self._left(key, len(begun))
        over = set(sorted(fresh)[left:]) if len(fresh) > left else set()
        begun |= fresh - over
        self._total += len(fresh) - len(over)
        return over

    def release(self, sources: Iterable[str]) -> None:
        """Stop counting sources that have turned out to be registered already."""
        registered = set(sources)
        for key, begun in self._begun.items():
            self._total -= len(begun & registered)
            self._begun[key] = begun - registered

    def _left(self, key: str, begun: int) -> int:
        limits = receiver_limits()
        of_key = limits.new_sources_per_key if key else limits.max_sources
        of_process = max(limits.max_sources - self._total, min(ALWAYS, limits.max_sources) - begun)
        return max(0, min(of_key - begun, of_process))
