"""A snapshot of the pipeline: the ledger and the lag, both of one moment."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion.auth.read_scope import ReadScope
from processing.kafka import end_offsets
from processing.kafka.end_offsets import TopicOffsets
from processing.ledger import header_reader, lag, ledger
from processing.ledger.header_counts import Waiting
from processing.ledger.lag import PartitionLag
from processing.ledger.ledger import Equation, Snapshot, Totals
from queries.reads import postgres

# Offsets that are older mean that Kafka does not answer any more.
KAFKA_SILENT_AFTER = 2.0  # seconds
# Times of records next to each other differ by the receivers' clocks and by how long each waited for Kafka.
SLACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PipelineSnapshot:
    """The ledger's totals with the lag that belongs to them."""

    at: datetime
    snapshot: Snapshot
    ends: TopicOffsets | None
    lags: list[PartitionLag] | None  # None: Kafka has not returned its offsets yet
    lag_age: float | None  # seconds
    scope: ReadScope  # of `snapshot`
    acknowledged: int | None = None  # events, by the receivers' own counters; None: they are not known

    @property
    def known(self) -> list[PartitionLag] | None:
        """The lag, or None if it is old: then the records published since are unknown. The API shows it with its age."""
        return None if self.lag_age is None or self.lag_age > KAFKA_SILENT_AFTER else self.lags

    @property
    def in_flight(self) -> Waiting | None:
        """Events without an outcome; None: unknown."""
        if self.known is None:
            return None
        if self.scope.sources is not None:
            return lag.of_some_sources(self.known, self.scope.sources)
        ahead = None if self.acknowledged is None else self.acknowledged - self.snapshot.total.read
        return lag.in_flight(self.known, acknowledged=ahead)

    @property
    def estimated(self) -> bool:
        """Whether only bounds of what is in flight are known."""
        return self.in_flight is not None and not self.in_flight.exact

    def equation(self) -> Equation:
        """Return the account of everything in the scope."""
        return ledger.equation(self.snapshot.total, in_flight=self.in_flight)

    def equation_of(self, source: str, totals: Totals) -> Equation:
        """Return the account of one source. Nothing is told of one outside the scope, not even whether its partition waits."""
        return ledger.equation(totals, in_flight=None if self.known is None else self._waiting(source, self.known))

    def _waiting(self, source: str, known: list[PartitionLag]) -> Waiting:
        if self.scope.whole:
            return lag.of_source(known, source)
        return lag.of_some_sources(known, self.scope.narrowed(source).sources or ())

    def settled_before(self) -> datetime | None:
        """Return the time before which no received event is still in flight; None: unknown."""
        if self.known is None:
            return None
        own = self.known if self.scope.sources is None else lag.shared_with(self.known, self.scope.sources)
        ages = [partition.seconds for partition in own if partition.records]
        known = [age for age in ages if age is not None]
        if len(known) < len(ages):
            return None
        return self.at - timedelta(seconds=max(known)) - SLACK if known else datetime.max.replace(tzinfo=self.at.tzinfo)


def read(
    now: datetime, *, scope: ReadScope, max_sources: int | None, acknowledged: int | None = None
) -> PipelineSnapshot:
    """Read both. Counts the records that wait, which takes half a second at most. Call it outside of `postgres.bounded`.

    :param scope: of totals and sources; the lag is that of all, which is for readers of everything alone
    :param acknowledged: events that the receivers counted before
    :param max_sources: read this many sources at most, the latest first; the total covers all of them
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    # Read before the ledger, so that no event counts both as read and as in flight.
    ends = end_offsets.raw_data_offsets()
    with postgres.bounded():
        snapshot = ledger.snapshot(scope=scope, max_sources=max_sources)
    if ends is None:
        return PipelineSnapshot(now, snapshot, None, None, None, scope)
    age = round(time.monotonic() - ends.read_at, 3)
    lags = lag.lags(ends, snapshot.progress, now=now)
    # A reader of some sources is told nothing of what was counted, see `in_flight`.
    if scope.whole and age <= KAFKA_SILENT_AFTER and any(each.records for each in lags):
        lags = lag.counted(lags, header_reader.waiting_events(ends.topic, lag.spans(lags)))
    return PipelineSnapshot(now, snapshot, ends, lags, age, scope, acknowledged)
