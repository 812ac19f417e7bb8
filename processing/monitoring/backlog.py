"""How far processing is behind, for the receivers' backpressure (setting DATAFLOW_GUARD_WATCH)."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import DatabaseError

from ingestion.acceptance.backpressure import BacklogReport
from ingestion.auth.read_scope import EVERYTHING
from processing.events.positions import PartitionId
from processing.kafka import end_offsets
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger import lag, ledger
from processing.ledger.lag import PartitionLag


class Waits:
    """How long records have been waiting, as seen by someone who looks every few seconds.

    The age of the last record with effects alone would not do: after a quiet hour it is an hour, whatever waits.
    """

    def __init__(self) -> None:
        self._ends: defaultdict[PartitionId, deque[tuple[float, int]]] = defaultdict(
            deque
        )  # when an end offset was seen
        self._next: dict[PartitionId, int] = {}

    def longest(self, ends: TopicOffsets, lags: Iterable[PartitionLag], *, now: float) -> float:
        """Add new offsets; return how many seconds the oldest record has waited, at least.

        :param now: seconds on a clock that never goes back
        """
        return max(self.of(ends, lags, now=now).values(), default=0.0)

    def of(self, ends: TopicOffsets, lags: Iterable[PartitionLag], *, now: float) -> dict[int, float]:
        """Do the same for each partition."""
        return {each.partition: self._wait(ends, each, now=now) for each in lags}

    def _wait(self, ends: TopicOffsets, partition: PartitionLag, *, now: float) -> float:
        key = PartitionId(ends.topic, partition.partition)
        end = ends.partitions[partition.partition][1]
        next_offset = end - partition.records
        moved = self._next.get(key, next_offset) != next_offset
        self._next[key] = next_offset
        seen = self._ends[key]
        while seen and seen[0][1] <= next_offset:
            seen.popleft()
        # A long backlog is remembered in steps of a hundredth of its age, so that it takes no memory.
        if not seen or (end > seen[-1][1] and now - seen[-1][0] >= (now - seen[0][0]) / 100):
            seen.append((now, end))
        if not partition.records:
            seen.clear()
        waited = now - seen[0][0] if seen else 0.0
        # While a backlog is worked off, the age of what was done last is that of what comes next.
        return max(waited, partition.seconds or 0.0) if seen and moved else waited


class Watch:
    """Looks at Kafka's ends and PostgreSQL's progress and ledger."""

    def __init__(self) -> None:
        self._waits = Waits()

    def measure(self) -> BacklogReport | None:
        """Return the backlog now; None: a server does not answer."""
        # Before the ledger, so that nothing that is read meanwhile counts as waiting.
        ends = end_offsets.raw_data_offsets()
        if ends is None or time.monotonic() - ends.read_at > end_offsets.MAX_WAIT:
            return None
        try:
            snapshot = ledger.snapshot(scope=EVERYTHING, max_sources=0)
        except DatabaseError:
            return None
        lags = lag.lags(ends, snapshot.progress, now=datetime.now(tz=UTC))
        waited = self._waits.longest(ends, lags, now=time.monotonic())
        return BacklogReport(waited, snapshot.total.read, snapshot.total.dead_lettered)
