"""The account of some sources, whose events wait in partitions that they share with others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ingestion.auth.read_scope import EVERYTHING, ReadScope
from processing.ledger.header_counts import NONE, Waiting
from processing.ledger.lag import PartitionLag
from processing.ledger.ledger import Snapshot, Totals
from queries.pipeline.snapshot import SLACK, PipelineSnapshot

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OWN = "sensor-1"
PARTITION_OF_OWN, ANOTHER = 1, 2  # of 6, as receivers choose them
BUSY = Waiting(7_000, 7_000, exact=True)


def pipeline(scope: ReadScope, *, busy: int) -> PipelineSnapshot:
    """Return a pipeline in which only the partition `busy` has records that wait."""
    lags = [
        PartitionLag(number, 7, BUSY, 9.0) if number == busy else PartitionLag(number, 0, NONE, 0.0)
        for number in range(6)
    ]
    return PipelineSnapshot(NOW, Snapshot(Totals(read=5, stored=5), {}), None, lags, 0.1, scope)


def test_a_reader_of_some_sources_learns_that_something_may_wait_and_not_how_much() -> None:
    own = ReadScope(frozenset({OWN}))

    waits, waits_not = pipeline(own, busy=PARTITION_OF_OWN).equation(), pipeline(own, busy=ANOTHER).equation()

    assert (waits["inFlight"], waits["accepted"]) == (None, None)
    assert waits["inFlightRange"] == {"atLeast": 0, "atMost": None}
    assert (waits_not["inFlight"], waits_not["accepted"]) == (0, 5)
    assert pipeline(own, busy=PARTITION_OF_OWN).equation_of(OWN, Totals())["inFlightRange"] == {
        "atLeast": 0,
        "atMost": None,
    }


def test_a_reader_of_everything_learns_the_bounds() -> None:
    whole = pipeline(EVERYTHING, busy=PARTITION_OF_OWN)

    assert whole.equation()["inFlight"] == 7_000
    assert whole.equation_of(OWN, Totals())["inFlightRange"] == {"atLeast": 0, "atMost": 7_000}


def test_a_reader_of_some_sources_learns_nothing_of_the_partitions_that_others_wait_in() -> None:
    own = ReadScope(frozenset({OWN}))
    nothing = ReadScope(frozenset())

    # Since when something waits there, and whether the partition of another's source waits.
    assert pipeline(own, busy=ANOTHER).settled_before() == pipeline(nothing, busy=ANOTHER).settled_before()
    assert pipeline(own, busy=PARTITION_OF_OWN).settled_before() == NOW - timedelta(seconds=9) - SLACK
    other = pipeline(ReadScope(frozenset({"sensor-9"})), busy=PARTITION_OF_OWN)
    assert other.equation_of(OWN, Totals()) == pipeline(nothing, busy=PARTITION_OF_OWN).equation_of(OWN, Totals())
    assert other.equation_of(OWN, Totals())["inFlight"] == 0
