"""Which items of a group fail alone, and how many trials it takes to find them."""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.events.halving import failing


def test_each_item_that_fails_alone_is_found_in_order() -> None:
    assert failing([3, 1, 2, 5, 4], lambda some: any(item > 2 for item in some)) == [3, 5, 4]


def test_nothing_fails_among_good_items_or_none() -> None:
    assert failing([1, 2, 3], lambda some: False) == []
    assert failing([], lambda some: True) == []


def test_items_that_fail_only_together_are_not_found() -> None:
    assert failing([1, 2], lambda some: len(some) > 1) == []


def test_one_of_a_thousand_takes_about_twenty_trials() -> None:
    trials: list[int] = []

    def fails(some: Sequence[int]) -> bool:
        trials.append(len(some))
        return 617 in some

    assert failing(range(1_000), fails) == [617]

    assert len(trials) <= 21
