"""Counts of waiting records, kept as sums, and estimates from samples."""

from __future__ import annotations

import random

import pytest

from processing.ledger.header_counts import NONE, PartitionCounts, Waiting, estimate, total, uncounted
from processing.ledger.lag import PartitionLag, in_flight, of_source


def counts(*per_record: int, first: int = 100) -> PartitionCounts:
    made = PartitionCounts(first)
    for place, count in enumerate(per_record):
        made.add(first + place, (count, count))
    return made


def test_any_range_that_was_counted_is_answered_exactly() -> None:
    made = counts(5, 1, 7)

    assert made.between(100, 103) == Waiting(13, 13, exact=True)
    assert made.between(101, 102) == Waiting(1, 1, exact=True)
    assert made.between(99, 103) is None
    assert made.between(100, 104) is None


def test_a_record_that_is_not_counted_yet_is_one_event_at_least() -> None:
    made = counts(5, 1, 7)

    assert made.so_far(101, 110) == Waiting(8 + 7, None, exact=False)
    assert made.so_far(103, 110) == Waiting(7, None, exact=False)
    assert made.so_far(90, 103) == Waiting(13, None, exact=False)
    assert made.so_far(100, 102) == Waiting(6, 6, exact=True)


def test_offsets_without_a_record_hold_nothing() -> None:
    made = counts(5)
    made.add(104, (2, 3))
    made.next = 107  # markers of a transaction

    assert made.between(101, 107) == Waiting(2, 3, exact=False)
    assert made.between(105, 107) == NONE


def test_a_batch_that_cannot_be_read_leaves_no_upper_bound() -> None:
    made = counts(5)
    made.add_unreadable(101, 110)
    made.add(110, (2, 2))

    assert made.between(100, 111) == Waiting(8, None, exact=False)
    assert made.between(100, 101) == Waiting(5, 5, exact=True)
    made.forget(110)
    assert made.between(110, 111) == Waiting(2, 2, exact=True)


def test_forgotten_counts_are_not_made_up() -> None:
    made = counts(5, 1, 7)
    made.forget(102)

    assert made.between(101, 103) is None
    assert made.between(102, 103) == Waiting(7, 7, exact=True)
    assert len(made) == 1


def test_a_sum_is_exact_only_if_every_part_is() -> None:
    assert total([Waiting(3, 3, exact=True), NONE]) == Waiting(3, 3, exact=True)
    assert total([Waiting(3, 3, exact=True), Waiting(1, 4, exact=False)]) == Waiting(4, 7, exact=False)
    assert total([Waiting(3, 3, exact=True), uncounted(2)]) == Waiting(5, None, exact=False)
    assert total([]) == NONE


@pytest.mark.parametrize("seed", range(20))
def test_a_sample_s_bounds_hold_the_truth(seed: int) -> None:
    chance = random.Random(seed)
    # Records grow with the load, so neighbours resemble each other.
    sizes = [max(1, round(chance.gauss(14 + 10 * (place // 2_000 % 3), 4))) for place in range(20_000)]
    starts = range(0, 20_000, 20_000 // 16)
    groups = [[(size, size) for size in sizes[start : start + 16]] for start in starts]

    found = estimate(len(sizes), groups)

    assert found.most is not None
    assert found.fewest <= sum(sizes) <= found.most
    assert not found.exact


def test_without_a_sample_only_the_records_are_known() -> None:
    assert estimate(7, []) == Waiting(7, None, exact=False)
    # A spread of a few places is chance.
    assert estimate(7, [[(3, 3)]] * 7) == Waiting(7, None, exact=False)
    assert estimate(7, [[(3, 3)]] * 8) == Waiting(21, 21, exact=False)


@pytest.mark.parametrize(
    ("known", "acknowledged", "told"),
    [
        (Waiting(90, 90, exact=True), 500, Waiting(90, 90, exact=True)),
        (Waiting(90, 110, exact=False), None, Waiting(90, 110, exact=False)),
        # Receivers that started later have acknowledged less than what waits.
        (Waiting(90, 110, exact=False), 3, Waiting(90, 110, exact=False)),
        (Waiting(90, 110, exact=False), 100, Waiting(100, 110, exact=False)),
        (Waiting(90, 110, exact=False), 130, Waiting(110, 130, exact=False)),
        (Waiting(90, None, exact=False), 130, Waiting(90, 130, exact=False)),
    ],
)
def test_what_was_not_counted_lies_between_what_receivers_and_sample_say(
    known: Waiting, acknowledged: int | None, told: Waiting
) -> None:
    assert in_flight([PartitionLag(0, 9, known, 1.0)], acknowledged=acknowledged) == told


def test_how_much_of_a_partition_is_of_one_source_is_not_made_up() -> None:
    idle = [PartitionLag(number, 0, NONE, 0.0) for number in range(3)]
    busy = [PartitionLag(number, 4, Waiting(9, 9, exact=True), 1.0) for number in range(3)]

    assert of_source(idle, "sensor-1") == NONE
    assert of_source(busy, "sensor-1") == Waiting(0, 9, exact=False)
