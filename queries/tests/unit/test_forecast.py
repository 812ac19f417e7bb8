"""When a volume is full, by the trend of the last days."""

from __future__ import annotations

import pytest

from queries.pipeline.measured.forecast import forecast

DAY = 86_400.0


@pytest.mark.parametrize(
    ("used", "trend", "days"),
    [
        ([100, 110, 120, 130], "filling", 87),
        ([130, 130, 130, 130], "steady", None),
        ([160, 150, 140, 130], "steady", None),
        # Room that is given back now and then does not hide the trend.
        ([100, 125, 110, 135], "filling", 96),
        ([1_000, 1_000, 1_000, 1_000], "steady", None),
    ],
)
def test_a_volume_is_full_where_the_line_through_its_last_days_ends(
    used: list[int], trend: str, days: int | None
) -> None:
    found = forecast([(day * DAY, bytes_) for day, bytes_ in enumerate(used)], total=1_000)

    assert (found.trend, found.span) == (trend, 3 * DAY)
    assert days is None if found.full_in is None else round(found.full_in / DAY) == days


def test_nothing_is_told_before_an_hour_was_watched() -> None:
    assert forecast([], total=100) == ("unknown", None, 0.0)
    assert forecast([(0.0, 10), (3_000.0, 90)], total=100) == ("unknown", None, 3_000.0)
