"""The partitions that sources are in: which are held, and how far each is behind, so that nobody calls its sources silent."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from processing.kafka import end_offsets
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger import lag, ledger
from processing.ledger.lag import PartitionLag
from processing.partitions import paused
from queries.pipeline.snapshot import KAFKA_SILENT_AFTER

STUCK = 5.0  # seconds at one offset; a record that came this moment waits, too
FORGOTTEN = 30.0  # seconds


class Partitions(NamedTuple):
    """The state of the partitions of raw-data."""

    total: int  # 0: not known
    held: Mapping[int, float]  # since when, in seconds since the epoch
    behind: Mapping[int, float]  # seconds, of those that are
    blind: float = 0.0  # seconds for which Kafka has not answered, so that nobody knows what waits there

    @property
    def are_well(self) -> bool:
        """Return whether nothing is held or behind, as far as is known."""
        return not (self.held or self.behind or self.blind)

    def of(self, source: str) -> tuple[int | None, float | None, float]:
        """Return the partition of a source, since when it is held, and how many seconds it is behind."""
        if not self.total or not (self.held or self.behind):
            return None, None, self.blind
        number = lag.place_of(source, self.total)
        return number, self.held.get(number), max(self.blind, self.behind.get(number, 0.0))


class _Look(NamedTuple):
    offset: int  # the first one that waits
    since: float  # time.monotonic()
    last: float


class Backlog:
    """Tells partitions that are behind from those in which a record came this moment, by several looks at them."""

    def __init__(self) -> None:
        self._looks: dict[int, _Look] = {}
        self._lock = Lock()

    def behind(self, lags: Iterable[PartitionLag], *, at: float) -> dict[int, float]:
        """Return by how many seconds partitions are behind.

        :param at: monotonic seconds
        """
        with self._lock:
            found = {each.partition: self._seconds(each, at) for each in lags}
        return {number: seconds for number, seconds in found.items() if seconds}

    def _seconds(self, each: PartitionLag, at: float) -> float:
        before = self._looks.pop(each.partition, None)
        if not each.records:
            return 0.0
        offset = each.span[0]
        if before is None or at - before.last > FORGOTTEN:
            self._looks[each.partition] = _Look(offset, at, at)
            return 0.0
        moves = before.offset != offset
        self._looks[each.partition] = _Look(offset, at if moves else before.since, at)
        # The age of the last processed record: while records wait, it grows with what waits before the next.
        return (each.seconds or 0.0) if moves or at - before.since >= STUCK else 0.0


_backlog = Backlog()


def read(ends: TopicOffsets | None, *, now: datetime) -> Partitions:
    """Return the state of the partitions; call it inside `postgres.bounded`.

    :param ends: as `end_offsets.raw_data_offsets` returned them
    """
    held = {each.partition: each.since.timestamp() for each in paused.paused_now()}
    if ends is None:
        return Partitions(0, held, {})
    at = time.monotonic()
    age = at - ends.read_at
    if age > KAFKA_SILENT_AFTER:
        return Partitions(len(ends.partitions), held, {}, blind=age)
    lags = lag.lags(ends, ledger.progress(), now=now)
    return Partitions(len(ends.partitions), held, _backlog.behind(lags, at=at))


def ends() -> TopicOffsets | None:
    """Return which offsets Kafka has, or had when it answered last; call it outside of `postgres.bounded`."""
    return end_offsets.raw_data_offsets()
