from __future__ import annotations

from collections.abc import Iterable

from pytest_django.fixtures import Settings

from ingestion.acceptance.backpressure import BacklogReport, Backpressure


def judged(guard: Backpressure, conditions: Iterable[BacklogReport]) -> list[str | None]:
    """What the guard says, looking once in 10 s."""
    return [guard.evaluate(condition, now=10.0 * number) for number, condition in enumerate(conditions)]


async def test_lag_past_the_setting_closes_the_receivers_until_it_is_gone(settings: Settings) -> None:
    settings.DATAFLOW_GUARD_LAG_SECONDS = 30.0

    said = judged(Backpressure(), [BacklogReport(lag, 0, 0) for lag in (0.0, 30.0, 31.0, 12.0)])

    assert said == [None, None, "processing is more than 30 s behind", None]


async def test_dead_letters_count_as_a_share_of_the_last_minute(settings: Settings) -> None:
    settings.DATAFLOW_GUARD_DEAD_LETTER_PERCENT = 5.0
    old = BacklogReport(0.0, 10_000, 9_000)
    few = BacklogReport(0.0, 10_050, 9_050)  # all of them, but only 50
    many = BacklogReport(0.0, 11_000, 9_060)

    said = judged(Backpressure(), [old, few, many, *[BacklogReport(0.0, 11_000, 9_060)] * 7])

    reason = "more than 5 % of the last minute's events became dead letters"
    assert said == [None, None, *[reason] * 5, None, None, None]


async def test_without_a_setting_the_guard_is_off() -> None:
    guard = Backpressure()

    guard.check()

    assert guard.state == ("off", None)
