"""One event of each batch that this consumer has stored: a sample to look up later, whether MongoDB still has it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from processing.events.entries import Entry

KEPT = 5_000  # events, of some 300 bytes each; at ten batches a second those of eight minutes


class StoredEvent(NamedTuple):
    """An event with a row, by what both stores find it with."""

    source: str
    ts: int  # microseconds since the epoch
    id: UUID
    key: bytes  # of its document


class RecentlyStored:
    """Written by the stores' thread, read by another."""

    def __init__(self) -> None:
        self._events: deque[tuple[float, StoredEvent]] = deque(maxlen=KEPT)

    def add(self, stored: Sequence[Entry]) -> None:
        """Remember one of the events of a batch that is committed."""
        if stored:
            last = stored[-1]
            event = StoredEvent(last.source, last.ts, UUID(bytes=last.id), last.key)
            self._events.append((time.monotonic(), event))

    def sample(self, most: int, *, seconds: float) -> list[StoredEvent]:
        """Return events spread over what is remembered, half of them stored within the last seconds."""
        events, since = list(self._events), time.monotonic() - seconds
        new = [event for at, event in events if at >= since]
        old = [event for at, event in events if at < since]
        return _spread(new, max(most // 2, most - len(old))) + _spread(old, max(most // 2, most - len(new)))


def _spread(events: list[StoredEvent], most: int) -> list[StoredEvent]:
    """Return events at equal distances, the last one included."""
    if len(events) <= most:
        return events
    return [events[(number + 1) * len(events) // most - 1] for number in range(most)]
