"""What a batch adds to the ledger is what its events add one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processing.events.batch import MINUTE
from processing.events.entries import Entries
from processing.events.ledger_deltas import LedgerDeltas, _add_one_by_one, _add_stored
from processing.tests.factories import NOON, make_entry, make_sent

EVENTS = st.tuples(st.sampled_from("ab"), st.integers(0, 2 * MINUTE), st.integers(0, 3), st.integers(0, 1))


@given(st.lists(EVENTS, max_size=9))
def test_the_events_of_a_source_count_together_as_they_do_alone(given: list[tuple[str, int, int, int]]) -> None:
    entries = []
    for number, (source, late, ts, partition) in enumerate(given):
        entry = make_entry(make_sent(number, source=source, ts=NOON + ts, payload={}), place=(partition, number, 0))
        entry.received = NOON + late
        entries.append(entry)
    stored = Entries.of(entries)
    together: LedgerDeltas = {}
    alone: LedgerDeltas = {}

    _add_stored(together, stored)
    _add_one_by_one(alone, stored, range(len(stored)))

    assert together == alone
