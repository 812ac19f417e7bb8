"""/api/data/aggregate/: the numbers, the buckets, the limits."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest

from processing.events.rollups import LARGEST
from processing.models import RollupMinute
from queries.events import aggregates
from queries.request.times import format_time
from queries.tests.stored import NOON, get, refused, roll_up

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]

MIDNIGHT = NOON.replace(hour=0)


def readings(count: int, *, step: timedelta, seed: int = 3) -> list[tuple[datetime, float]]:
    numbers = random.Random(seed)
    return [(MIDNIGHT + number * step, numbers.uniform(-50, 50)) for number in range(count)]


def test_buckets_are_what_the_values_give() -> None:
    temperatures = readings(700, step=timedelta(minutes=7))
    roll_up("sensor-1", "temperature", temperatures)
    roll_up("sensor-1", "humidity", readings(10, step=timedelta(minutes=7)))
    roll_up("other", "temperature", readings(10, step=timedelta(minutes=7)))

    for interval, width in aggregates.INTERVALS.items():
        expected: dict[str, list[float]] = defaultdict(list)
        for ts, value in temperatures:
            expected[format_time(ts - (ts - MIDNIGHT) % width)].append(value)

        answer = get(f"/api/data/aggregate/?source_id=sensor-1&field=temperature&interval={interval}")

        assert (answer["interval"], answer["timezone"]) == (interval, "UTC")
        assert [bucket["start"] for bucket in answer["results"]] == list(expected)
        for bucket, values in zip(answer["results"], expected.values(), strict=True):
            assert (bucket["sourceId"], bucket["field"]) == ("sensor-1", "temperature")
            assert (bucket["count"], bucket["min"], bucket["max"]) == (len(values), min(values), max(values))
            assert bucket["sum"] == pytest.approx(sum(values), rel=1e-9)
            assert bucket["avg"] == pytest.approx(sum(values) / len(values), rel=1e-9)


def test_without_a_field_every_field_of_every_source_is_shown_in_order() -> None:
    for source in ("b", "a"):
        for field in ("y", "x"):
            roll_up(source, field, readings(3, step=timedelta(hours=1)))

    results = get("/api/data/aggregate/?interval=1d")["results"]

    assert [(bucket["sourceId"], bucket["field"]) for bucket in results] == [
        ("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"),
    ]  # fmt: skip


def test_a_range_takes_every_bucket_it_touches_whole() -> None:
    roll_up("sensor-1", "temperature", readings(72, step=timedelta(hours=1)))
    span = {
        "start_time": format_time(MIDNIGHT + timedelta(hours=30)),
        "end_time": format_time(MIDNIGHT + timedelta(hours=48)),
    }

    days = get(f"/api/data/aggregate/?interval=1d&{urlencode(span)}")["results"]
    hours = get(f"/api/data/aggregate/?interval=1h&{urlencode(span)}")["results"]

    assert [(day["start"], day["count"]) for day in days] == [(format_time(MIDNIGHT + timedelta(days=1)), 24)]
    assert len(hours) == 18


def test_more_buckets_than_an_answer_may_hold_are_refused() -> None:
    RollupMinute.objects.bulk_create(
        RollupMinute(
            source_id="s", field="f", start=MIDNIGHT + timedelta(minutes=number), count=1, sum=1, min=1, max=1,
            first=1, first_ts=MIDNIGHT, first_id="00000000-0000-0000-0000-000000000001",
            last=1, last_ts=MIDNIGHT, last_id="00000000-0000-0000-0000-000000000001",
        )
        for number in range(aggregates.MAX_BUCKETS + 1)
    )  # fmt: skip
    fewer = format_time(MIDNIGHT + timedelta(minutes=aggregates.MAX_BUCKETS))

    status, problem = refused("/api/data/aggregate/?interval=1m")

    assert (status, problem["code"]) == (400, "invalid_parameter")
    assert len(get(f"/api/data/aggregate/?interval=1m&end_time={fewer}")["results"]) == aggregates.MAX_BUCKETS


@pytest.mark.parametrize("interval", ["1m", "1d"])
def test_a_sum_past_the_largest_double_is_left_open(interval: str) -> None:
    # Each hour's sum is a number, the day's is none.
    roll_up("sensor-1", "huge", [(NOON, 1.7e308), (NOON + timedelta(hours=1), 1.7e308)])
    roll_up("sensor-1", "most", [(NOON, LARGEST)])

    buckets = get(f"/api/data/aggregate/?interval={interval}&end_time={format_time(NOON + timedelta(minutes=1))}")[
        "results"
    ]

    expected = {"1m": [1.7e308, None], "1d": [None, None]}[interval]
    assert [bucket["sum"] for bucket in buckets] == expected
    assert [bucket["avg"] for bucket in buckets] == expected
    assert [bucket["max"] for bucket in buckets] == [1.7e308, LARGEST]


def test_huge_sums_that_cancel_out_are_a_number() -> None:
    roll_up("sensor-1", "huge", [(NOON, 1.5e308), (NOON + timedelta(hours=1), -1.25e308), (NOON, 2.0)])

    [bucket] = get("/api/data/aggregate/?interval=1d")["results"]

    assert bucket["sum"] == pytest.approx(0.25e308)
