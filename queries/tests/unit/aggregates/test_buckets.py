"""Buckets by the clock and calendar of time zones, against the days that broke other products."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.events.timestamps import EPOCH
from queries.aggregates import zones
from queries.aggregates.answer import format_local
from queries.aggregates.buckets import INTERVALS, Interval, TooManyBuckets, bounds, fitting

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide", "Australia/Lord_Howe",
    "America/Sao_Paulo", "Pacific/Apia", "America/Havana", "Africa/Monrovia", "Asia/Gaza", "Europe/Dublin", "America/St_Johns",
    "Africa/Casablanca", "Antarctica/Troll", "Pacific/Chatham",
]  # fmt: skip

MOMENTS = st.integers(0, 2_100_000_000_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))


def shown(start: str, end: str, interval: Interval, name: str) -> list[str]:
    zone = zones.parse(name)
    moments = (datetime.fromisoformat(each).replace(tzinfo=zone) for each in (start, end))
    first, last = (moment.astimezone(UTC) for moment in moments)
    return [format_local(each, zone) for each in bounds(first, last, interval, zone)]


@given(
    start=MOMENTS,
    length=st.timedeltas(timedelta(microseconds=2), timedelta(days=40)),
    interval=st.sampled_from(INTERVALS),
    name=st.sampled_from(ZONES),
)
@example(datetime(2011, 12, 30, tzinfo=UTC), timedelta(days=2), "1d", "Pacific/Apia")
def test_buckets_cover_the_range_without_a_gap_and_nothing_besides(
    start: datetime, length: timedelta, interval: Interval, name: str
) -> None:
    zone = zones.parse(name)
    try:
        found = bounds(start, start + length, interval, zone)
    except TooManyBuckets:
        return

    assert found == sorted(set(found))
    assert found[0] <= start < found[1]
    assert found[-2] < start + length <= found[-1]
    # Where a bucket begins does not depend on the range.
    assert set(bounds(start, start + length / 2, interval, zone)) <= set(found)


@given(
    moment=MOMENTS,
    interval=st.sampled_from(["1d", "1w", "1M", "6h"]),
    name=st.sampled_from(ZONES),
)
def test_a_moment_lies_in_the_bucket_of_its_own_date(moment: datetime, interval: Interval, name: str) -> None:
    zone = zones.parse(name)
    start, end = bounds(moment, moment + timedelta(microseconds=1), interval, zone)[:2]

    def key(each: datetime) -> tuple[int, ...]:
        local = each.astimezone(zone)
        if interval == "1w":
            return tuple(local.isocalendar()[:2])
        if interval == "1M":
            return (local.year, local.month)
        return (local.year, local.month, local.day, local.hour // 6 if interval == "6h" else 0)

    # A time of a bucket that comes again after the next one began lies in that one.
    assert key(moment) == key(start) or moment.astimezone(zone).fold
    assert key(end) != key(start)


def test_the_doubled_hour_of_autumn_is_two_buckets() -> None:
    assert shown("2025-10-26T01:00", "2025-10-26T04:00", "1h", "Europe/Berlin") == [
        "2025-10-26T01:00:00+02:00", "2025-10-26T02:00:00+02:00", "2025-10-26T02:00:00+01:00", "2025-10-26T03:00:00+01:00",
        "2025-10-26T04:00:00+01:00",
    ]  # fmt: skip
    assert len(shown("2025-10-26T00:00", "2025-10-27T00:00", "1h", "Europe/Berlin")) == 26
    assert len(shown("2025-10-26T00:00", "2025-10-27T00:00", "15m", "Europe/Berlin")) == 101


def test_the_skipped_hour_of_spring_is_none() -> None:
    assert shown("2025-03-30T01:00", "2025-03-30T04:00", "1h", "Europe/Berlin") == [
        "2025-03-30T01:00:00+01:00", "2025-03-30T03:00:00+02:00", "2025-03-30T04:00:00+02:00",
    ]  # fmt: skip
    assert shown("2025-03-30T00:00", "2025-03-31T00:00", "6h", "Europe/Berlin") == [
        "2025-03-30T00:00:00+01:00", "2025-03-30T06:00:00+02:00", "2025-03-30T12:00:00+02:00", "2025-03-30T18:00:00+02:00",
        "2025-03-31T00:00:00+02:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("Europe/Berlin", "2025-03-30", 23),
        ("Europe/Berlin", "2025-10-26", 25),
        ("Australia/Lord_Howe", "2025-10-05", 23.5),
        ("Australia/Lord_Howe", "2025-04-06", 24.5),
        ("America/Sao_Paulo", "2018-11-04", 23),
        ("America/Sao_Paulo", "2018-02-17", 25),
        # No summer time since 2019.
        ("America/Sao_Paulo", "2019-11-03", 24),
        ("America/Havana", "2025-11-02", 25),
        ("Pacific/Apia", "2011-12-31", 24),
    ],
)
def test_days_are_as_long_as_they_were(name: str, day: str, hours: float) -> None:
    zone = zones.parse(name)
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=zone).astimezone(UTC)

    start, end = bounds(noon, noon + timedelta(seconds=1), "1d", zone)

    assert (end - start) == timedelta(hours=hours)
    assert start.astimezone(zone).date().isoformat() == day


def test_a_midnight_that_is_skipped_begins_its_day_an_hour_later() -> None:
    assert shown("2018-11-03T12:00", "2018-11-04T12:00", "1d", "America/Sao_Paulo") == [
        "2018-11-03T00:00:00-03:00", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00",
    ]  # fmt: skip


def test_a_date_that_a_zone_left_out_has_no_bucket() -> None:
    assert shown("2011-12-29T12:00", "2011-12-31T12:00", "1d", "Pacific/Apia") == [
        "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00",
    ]  # fmt: skip


def test_half_an_hour_of_summer_time_makes_short_hours() -> None:
    assert shown("2025-04-06T01:00", "2025-04-06T03:00", "1h", "Australia/Lord_Howe") == [
        "2025-04-06T01:00:00+11:00", "2025-04-06T01:30:00+10:30", "2025-04-06T02:00:00+10:30", "2025-04-06T03:00:00+10:30",
    ]  # fmt: skip
    assert shown("2025-10-05T01:00", "2025-10-05T04:00", "1h", "Australia/Lord_Howe") == [
        "2025-10-05T01:00:00+10:30", "2025-10-05T02:30:00+11:00", "2025-10-05T03:00:00+11:00", "2025-10-05T04:00:00+11:00",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide"])
def test_hours_begin_when_the_local_clock_says_so(name: str) -> None:
    found = shown("2025-06-01T00:10", "2025-06-01T02:00", "1h", name)

    assert [each[11:16] for each in found] == ["00:00", "01:00", "02:00"]


def test_weeks_begin_on_mondays_and_months_on_the_first() -> None:
    assert shown("2025-01-01T00:00", "2025-01-07T00:00", "1w", "Europe/Berlin") == [
        "2024-12-30T00:00:00+01:00", "2025-01-06T00:00:00+01:00", "2025-01-13T00:00:00+01:00",
    ]  # fmt: skip
    assert shown("2024-02-29T23:00", "2024-04-01T00:00", "1M", "Europe/Berlin") == [
        "2024-02-01T00:00:00+01:00", "2024-03-01T00:00:00+01:00", "2024-04-01T00:00:00+02:00",
    ]  # fmt: skip


@pytest.mark.parametrize("most", [1, 10, 800, 10_000])
@pytest.mark.parametrize("days", [0.001, 1, 30, 400, 20_000])
def test_the_interval_that_fits_is_the_shortest_one(days: float, most: int) -> None:
    start = datetime(1970, 1, 1, tzinfo=UTC)
    zone = zones.parse("Europe/Berlin")
    end = start + timedelta(days=days)
    fits = fitting(start, end, zone, most=most)

    for interval in INTERVALS[: len(INTERVALS) if fits is None else INTERVALS.index(fits)]:
        with pytest.raises(TooManyBuckets) as refused:
            bounds(start, end, interval, zone, most=most)
        assert refused.value.fits == fits
    assert fits is None or len(bounds(start, end, fits, zone, most=most)) - 1 <= most


def test_an_empty_range_has_no_bucket() -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC)

    assert bounds(at, at, "1h", zones.parse("UTC")) == []


def test_all_zones_of_the_package_can_be_read() -> None:
    for name in zones.names():
        zone = zones.parse(name)
        found = bounds(datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC), "1d", zone)
        assert all(timedelta(hours=22) <= end - start <= timedelta(hours=26) for start, end in pairwise(found)), name
