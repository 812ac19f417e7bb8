"""Where the line stands: the ledger and what Kafka holds beyond it, of one moment."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from processing import end_offsets, lag, ledger
from processing.end_offsets import Ends
from processing.lag import PartitionLag
from processing.ledger import Equation, Snapshot, Totals

# An answer of Kafka's that is older says that there is none any more.
KAFKA_SILENT_AFTER = 2.0  # seconds
# A record's time may differ from its neighbours' by the doors' clocks and by how long one waited for Kafka.
SLACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """The ledger's totals with the lag that belongs to them."""

    at: datetime
    snapshot: Snapshot
    ends: Ends | None
    lags: list[PartitionLag] | None  # None: Kafka never gave its offsets
    lag_age: float | None  # seconds

    @property
    def known(self) -> list[PartitionLag] | None:
        """The lag unless it is old: an old one is shown with its age, but what came in since then nobody knows."""
        return None if self.lag_age is None or self.lag_age > KAFKA_SILENT_AFTER else self.lags

    @property
    def in_flight(self) -> int | None:
        """Events without an outcome: 0 is exact, more is an estimate."""
        return None if self.known is None else sum(partition.events for partition in self.known)

    def equation(self) -> Equation:
        """Lay out the account of everything."""
        return ledger.equation(self.snapshot.total, in_flight=self.in_flight)

    def equation_of(self, source: str, totals: Totals) -> Equation:
        """Lay out the account of one source."""
        if self.ends is None or self.known is None:
            return ledger.equation(totals, in_flight=None)
        waiting = lag.Waiting(self.ends.topic, self.known, self.snapshot.progress)
        return ledger.equation(totals, in_flight=waiting.of_source(source, read=totals.read))

    def settled_before(self) -> datetime | None:
        """Give the time before which nothing that was received is still in flight; None: it can't be told."""
        if self.known is None:
            return None
        ages = [partition.seconds for partition in self.known if partition.records]
        known = [age for age in ages if age is not None]
        if len(known) < len(ages):
            return None
        return self.at - timedelta(seconds=max(known)) - SLACK if known else datetime.max.replace(tzinfo=self.at.tzinfo)


def read(now: datetime, *, max_sources: int | None) -> Standing:
    """Read both, within `postgres.bounded`.

    :param max_sources: only so many, those last seen first; the total is always of all
    """
    # Before the ledger, so that nothing it counts as read can be counted as in flight as well.
    ends = end_offsets.raw_data_ends()
    snapshot = ledger.snapshot(max_sources=max_sources)
    lags = None if ends is None else lag.lags(ends, snapshot.progress, now=now)
    age = None if ends is None else round(time.monotonic() - ends.read_at, 3)
    return Standing(now, snapshot, ends, lags, age)
