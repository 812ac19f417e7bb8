"""How many rollup rows one source may cause."""

from __future__ import annotations

from typing import Any

import pytest

from processing.events.batch import MINUTE
from processing.events.entries import Entries
from processing.events.rollup_budget import RollupBudget
from processing.events.rollups import by_hour, by_minute, roll_up
from processing.tests.factories import NOON, make_entry, make_sent

BUDGET = 100


@pytest.fixture(autouse=True)
def _budget(settings: Any) -> None:
    settings.DATAFLOW_ROLLUP_ROWS_PER_MINUTE = BUDGET
    settings.DATAFLOW_BATCH_EVENTS = 5_000


def scattered(count: int, *, fields: int = 10, source: str = "wide", received: int = NOON) -> Entries:
    """Events of as many minutes, the newest first."""
    payload: dict[str, object] = {f"field-{number}": number for number in range(fields)}
    sent = [make_sent(number, source=source, ts=NOON - number * MINUTE, payload=payload) for number in range(count)]
    entries = Entries.of(map(make_entry, sent))
    entries.received = [received] * count
    return entries


def rows(budget: RollupBudget, entries: Entries) -> int:
    """The rows by minute of a batch that is committed."""
    allotment = budget.allot(entries)
    budget.adopt(allotment)
    assert sorted(allotment.cut) == [index for index, rolled in enumerate(entries.rolled) if not rolled]
    return sum(map(len, allotment.minutes.values()))


def test_what_is_within_the_budget_is_rolled_up_as_without_one() -> None:
    entries = scattered(10)

    allotment = RollupBudget().allot(entries)

    assert (allotment.minutes, by_hour(allotment.minutes)) == roll_up(entries)
    assert allotment.cut == []


def test_the_newest_minutes_of_a_source_past_its_budget_are_rolled_up() -> None:
    entries = scattered(25)

    assert rows(RollupBudget(), entries) == BUDGET
    assert entries.rolled == [True] * 10 + [False] * 15


def test_whoever_rolls_up_the_same_events_again_leaves_out_the_same() -> None:
    entries = scattered(25)

    allotment = RollupBudget().allot(entries)

    assert by_minute(entries) == allotment.minutes


def test_batches_of_one_minute_of_receipt_share_a_budget_and_the_next_minute_has_its_own() -> None:
    budget = RollupBudget()

    found = [rows(budget, scattered(6)) for _ in range(3)] + [rows(budget, scattered(6, received=NOON + MINUTE))]

    assert found == [60, 40, 0, 60]


def test_a_batch_that_rolls_back_spends_nothing() -> None:
    budget = RollupBudget()

    for _ in range(3):
        assert budget.allot(scattered(10)).cut == []


def test_a_backlog_of_several_minutes_of_receipt_has_the_budget_of_each() -> None:
    entries = scattered(20)
    entries.received[10:] = [NOON - MINUTE] * 10

    assert rows(RollupBudget(), entries) == 2 * BUDGET


def test_a_neighbour_is_rolled_up_whole() -> None:
    both = Entries.of([*scattered(500), *scattered(9, source="neighbour")])

    assert rows(RollupBudget(), both) == BUDGET + 90
    assert all(both.rolled[500:])


def test_no_budget_is_no_limit(settings: Any) -> None:
    settings.DATAFLOW_ROLLUP_ROWS_PER_MINUTE = 0

    assert rows(RollupBudget(), scattered(500)) == 5_000


def test_a_batch_after_one_of_many_fields_has_fewer_events(settings: Any) -> None:
    settings.DATAFLOW_ROLLUP_ROWS_PER_MINUTE = 0
    budget = RollupBudget()

    assert budget.batch_events() == 1_000, "may be any events"
    budget.allot(scattered(1, fields=1))
    assert budget.batch_events() == 5_000
    budget.allot(scattered(500, fields=50))
    assert budget.batch_events() == 300
    budget.allot(scattered(1, fields=1))
    assert budget.batch_events() == 5_000
