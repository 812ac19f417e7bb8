from __future__ import annotations

from queries.reads.cache_budget import BURST, MAX_ANSWER, RATE, CacheBudget


def test_a_flood_of_answers_of_one_subject_is_cached_at_a_bounded_rate() -> None:
    budget = CacheBudget()

    cached = sum(
        MAX_ANSWER for second in range(10) for _ in range(100) if budget.spend("aggregate", MAX_ANSWER, now=second)
    )

    assert cached <= BURST + 10 * RATE


def test_a_flood_of_one_subject_takes_nothing_from_another() -> None:
    budget = CacheBudget()

    while budget.spend("aggregate", MAX_ANSWER, now=0.0):
        pass

    assert budget.spend("pipeline", MAX_ANSWER, now=0.0)


def test_an_answer_that_is_too_large_is_not_cached() -> None:
    assert not CacheBudget().spend("aggregate", MAX_ANSWER + 1, now=0.0)
