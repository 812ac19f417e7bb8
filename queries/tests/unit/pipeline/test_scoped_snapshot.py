"""The account of some sources, whose events wait in partitions that they share with others."""

from __future__ import annotations

from datetime import UTC, datetime

from ingestion.auth.read_scope import EVERYTHING, ReadScope
from ingestion.kafka.partitioner import partition_of
from processing.ledger.header_counts import NONE, Waiting
from processing.ledger.lag import PartitionLag
from processing.ledger.ledger import Snapshot, Totals
from queries.pipeline.snapshot import PipelineSnapshot

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PARTITIONS = 6
OWN, OTHER = "sensor-1", "sensor-3"  # in different partitions
BUSY = Waiting(7_000, 7_000, exact=True)


def pipeline(scope: ReadScope, *, behind: str) -> PipelineSnapshot:
    """Return a pipeline in which only the partition of the source `behind` has records that wait."""
    busy = partition_of(behind, PARTITIONS)
    lags = [
        PartitionLag(number, 7, BUSY, 9.0) if number == busy else PartitionLag(number, 0, NONE, 0.0)
        for number in range(PARTITIONS)
    ]
    return PipelineSnapshot(NOW, Snapshot(Totals(read=5, stored=5), {}), None, lags, 0.1, scope)


def test_a_reader_of_some_sources_learns_that_something_may_wait_and_not_how_much() -> None:
    own = ReadScope(frozenset({OWN}))
    assert partition_of(OWN, PARTITIONS) != partition_of(OTHER, PARTITIONS)

    waits, waits_not = pipeline(own, behind=OWN).equation(), pipeline(own, behind=OTHER).equation()

    assert (waits["inFlight"], waits["accepted"]) == (None, None)
    assert waits["inFlightRange"] == {"atLeast": 0, "atMost": None}
    assert (waits_not["inFlight"], waits_not["accepted"]) == (0, 5)
    assert pipeline(own, behind=OWN).equation_of(OWN, Totals())["inFlightRange"] == {"atLeast": 0, "atMost": None}


def test_a_reader_of_everything_learns_the_bounds() -> None:
    whole = pipeline(EVERYTHING, behind=OWN)

    assert whole.equation()["inFlight"] == 7_000
    assert whole.equation_of(OWN, Totals())["inFlightRange"] == {"atLeast": 0, "atMost": 7_000}
