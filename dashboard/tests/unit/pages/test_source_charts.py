"""Which range the charts of a source show, and how they are drawn without scripts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.pages.sources import drawing, ranges
from dashboard.pages.sources.spark import spark
from queries.request.query_params import InvalidParameter

NOW = datetime(2026, 3, 5, 14, 20, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def chosen(habit: float | None = 10.0, newest: datetime | None = NOW, **given: str) -> ranges.ChartRange:
    return ranges.chosen(given, newest=newest, habit=habit, now=NOW)


def between(start: str, end: str = "") -> ranges.ChartRange:
    return ranges.chosen({"from": start, "to": end}, newest=NOW, habit=10.0, now=NOW)


def test_the_first_event_is_shown_within_its_last_hour() -> None:
    first = chosen(habit=None)

    assert (first.start, first.end, first.interval, first.is_live) == (NOW + MINUTE - HOUR, NOW + MINUTE, "1m", True)


def test_what_is_past_is_shown_up_to_its_newest_event() -> None:
    old = chosen(newest=NOW - 400 * DAY)

    assert (old.end - (NOW - 400 * DAY), old.end - old.start, old.is_live) == (MINUTE, HOUR, False)
    # A range that somebody chose is that range.
    assert chosen(newest=NOW - 400 * DAY, range="1h").is_live


@pytest.mark.parametrize(
    ("name", "habit", "interval"),
    [
        ("15m", 10.0, "1m"), ("24h", 10.0, "1m"), ("7d", 10.0, "1h"), ("30d", 10.0, "1h"), ("1y", 10.0, "1d"),
        # Of an hourly source hours make a line, where enough of them are shown.
        ("24h", 3_600.0, "1h"), ("6h", 3_600.0, "1m"), ("30d", 86_400.0, "1d"),
    ],
)  # fmt: skip
def test_the_length_of_the_range_chooses_the_aggregates(name: str, habit: float, interval: str) -> None:
    found = chosen(habit, range=name)

    assert found.interval == interval
    assert (found.end - found.start) / found.bucket <= 1_500


def test_a_slow_source_is_shown_over_many_of_its_sendings() -> None:
    assert (chosen(3_600.0).name, chosen(86_400.0).name, chosen(1e9).name) == ("7d", "1y", "1y")
    assert chosen(3_600.0, range="6h").bridged(3_600.0) == 179
    assert chosen(10.0).bridged(10.0) == 0


def test_a_range_by_its_ends_is_not_live_and_has_finer_aggregates_the_shorter_it_is() -> None:
    at = int(NOW.timestamp() * 1000)
    zoomed, tiny, whole = between("now-2d", "now-1d"), between(str(at), str(at + 5)), between("1990-01-01")

    assert (zoomed.interval, zoomed.is_live, zoomed.end - zoomed.start) == ("1m", False, DAY)
    assert tiny.end - tiny.start == ranges.LEAST
    assert whole.end - whole.start == ranges.MOST
    for start, end in (("x", ""), ("now", "now-1h")):
        with pytest.raises(InvalidParameter):
            between(start, end)
    with pytest.raises(InvalidParameter):
        chosen(range="2h")


def test_gaps_are_gaps_and_the_axis_is_the_range() -> None:
    values = [1.0, 2.0, None, None, 3.0, None, 4.0]
    drawn = drawing.draw(list(range(0, 70, 10)), (values, values, values), span=(0, 120))

    # Two points, then one, then one; the last of seven buckets is in the middle of the axis.
    assert drawn["mean"].count("M") == 3
    assert drawn["mean"].endswith("h1.5")
    assert "M300.0 " in drawn["mean"]
    assert (drawn["low"], drawn["high"]) == (1.0, 4.0)
    assert drawing.runs(values, 1) == [[0, 1], [4, 6]]
    assert drawing.draw([0], ([None], [None], [None]), span=(0, 1))["mean"] == ""
    most = 1.7e308
    assert "nan" not in drawing.draw([0, 1], ([most, -most], [most, -most], [most, -most]), span=(0, 1))["mean"]
    tens = [1.0, 10.0, 100.0]
    assert "60.0" in drawing.draw([0, 1, 2], (tens, tens, tens), span=(0, 2), is_log=True)["mean"]


def test_a_small_chart_says_what_it_shows() -> None:
    found = spark([0, 10, 5], [0, 0, 5])

    assert found["text"] == "15 events in 3 minutes, at most 10 in one; 5 became dead letters"
    assert (found["all"].count("M"), found["failed"].count("M")) == (2, 1)
