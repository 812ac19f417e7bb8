"""The last events of a partition or source, and whether too many of them became dead letters. Pure."""

from __future__ import annotations

from collections import Counter, deque

WINDOW = 1_000  # events
MOST_IN_WINDOW = 200  # dead letters; more among the last WINDOW events are too many
MOST_IN_A_ROW = 200  # dead letters; so many without a good event between them are too many
NO_SOURCE = ""  # of lines that can't be read: they may be anybody's, so no share limits them

_GOOD = None  # in place of a source


class Window:
    """The last events of one partition, or of one source, as runs of alike ones.

    :param share: how many dead letters of one source it counts; the rest are left out
    """

    def __init__(self, *, share: int = WINDOW) -> None:
        self._share = share
        # The source of dead letters, or _GOOD, and how many; the newest last.
        self._runs: deque[tuple[str | None, int]] = deque()
        self._events = 0
        self._bad: Counter[str] = Counter()  # by source
        self._in_a_row = 0  # dead letters since the last good event

    def copy(self) -> Window:
        twin = Window(share=self._share)
        twin._runs, twin._events = self._runs.copy(), self._events
        twin._bad, twin._in_a_row = self._bad.copy(), self._in_a_row
        return twin

    def add_good(self, count: int) -> None:
        """Add good events; those more than WINDOW events ago are dropped."""
        if count > 0:
            self._in_a_row = 0
            self._put(_GOOD, min(count, WINDOW))

    def add_bad(self, source: str, count: int = 1) -> None:
        """Add dead letters; events more than WINDOW events ago are dropped."""
        if source != NO_SOURCE:
            count = min(count, self._share - self._bad[source])
        if count > 0:
            self._in_a_row = min(self._in_a_row + count, WINDOW)
            self._bad[source] += count
            self._put(source, count)

    @property
    def is_clean(self) -> bool:
        """Whether it has no dead letter."""
        return not self._bad

    @property
    def trip(self) -> str | None:
        """Why these are too many dead letters, after one of them; None: all is well."""
        if self._in_a_row >= MOST_IN_A_ROW:
            return f"{self._in_a_row} events in a row became dead letters"
        # Of fewer events than a full window a fifth says little.
        if self._in_a_row and self._events == WINDOW and (bad := self._bad.total()) > MOST_IN_WINDOW:
            return f"{bad} of the last {WINDOW:,} events became dead letters"
        return None

    def _put(self, kind: str | None, count: int) -> None:
        before = self._runs.pop()[1] if self._runs and self._runs[-1][0] == kind else 0
        self._runs.append((kind, before + count))
        self._events += count
        while self._events > WINDOW:
            self._forget(self._events - WINDOW)

    def _forget(self, count: int) -> None:
        kind, oldest = self._runs.popleft()
        if oldest > count:
            self._runs.appendleft((kind, oldest - count))
        gone = min(oldest, count)
        self._events -= gone
        if kind is not None:
            self._bad[kind] -= gone
            if not self._bad[kind]:
                del self._bad[kind]
