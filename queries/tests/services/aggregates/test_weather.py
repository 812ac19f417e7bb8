"""Aggregates of the weather file, which a consumer stored, against an independent computation from its lines."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from deploy.demo import weather
from deploy.testing.deployment import Deployment
from processing.tests.packing import pack
from queries.tests.consumed import consume
from queries.tests.stored import get

pytestmark = pytest.mark.services

SEATTLE = "noaa.seattle.hourly"
ZONES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"]
# Two weeks around each change of the clocks in these zones, in 2010.
RANGES = [("2010-03-10", "2010-04-06"), ("2010-09-28", "2010-11-09")]
# Some days around each, since an answer has at most 10,000 buckets.
SHORT_RANGES = [
    ("2010-03-11", "2010-03-17"), ("2010-03-25", "2010-03-31"), ("2010-04-01", "2010-04-06"),
    ("2010-10-01", "2010-10-06"), ("2010-10-28", "2010-11-03"), ("2010-11-04", "2010-11-09"),
]  # fmt: skip
INTERVALS = ["1m", "5m", "15m", "30m", "1h", "6h", "1d", "1w", "1M"]
# Each interval in zones without and with unusual offsets, and each zone with what depends on its days.
ZONED = [
    (zone, interval) if zone in {"UTC", "Australia/Lord_Howe"} or interval in {"1h", "1d"}
    else pytest.param(zone, interval, marks=pytest.mark.thorough)
    for zone in ZONES for interval in INTERVALS
]  # fmt: skip
USUAL = ("count", "sum", "avg", "min", "max")
ALL = "count,sum,avg,min,max,first,last"

Reading = tuple[datetime, float]


@pytest.fixture(scope="module")
def stored(module_site: Deployment) -> dict[str, list[Reading]]:
    """The readings of each source, oldest first; half of them packed."""
    lines = weather.lines()
    consume(lines)
    pack(until="2010-10-15T00:00:00+00:00")
    readings: dict[str, list[Reading]] = defaultdict(list)
    for line in map(json.loads, lines):
        if "temperature" in line["payload"]:
            readings[line["sourceId"]].append(
                (datetime.fromisoformat(line["timestamp"]), line["payload"]["temperature"])
            )
    return {source: sorted(each) for source, each in readings.items()}


def truncated(moments: list[datetime], interval: str, zone: str) -> list[datetime]:
    """Return the start of the bucket of each moment, as PostgreSQL's own functions for zones have it."""
    units = {"1d": "day", "1w": "week", "1M": "month"}
    if interval == "1h":
        return [hour_of(each, ZoneInfo(zone)) for each in moments]
    if interval in units:
        statement, values = "date_trunc(%s, at, %s)", [units[interval], zone]
    elif interval == "6h":
        statement = (
            "((date_trunc('day', at AT TIME ZONE %s) + (extract(hour FROM at AT TIME ZONE %s)::int / 6 * 6)"
            " * interval '1 hour') AT TIME ZONE %s)"
        )
        values = [zone, zone, zone]
    else:
        # In each of these zones, offsets differ by multiples of half an hour.
        statement = "date_bin(%s::interval, at, '2010-01-01'::timestamp AT TIME ZONE %s)"
        values = [interval.replace("m", " min"), zone]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {statement} FROM unnest(%s::timestamptz[]) AS m (at)", [*values, [*moments]])
        return [start for (start,) in cursor.fetchall()]


def hour_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the first minute with the same hour on the clock and the same offset.

    PostgreSQL's date_trunc takes the half hour that Lord Howe Island has twice for one of the hour before.
    """

    def key(at: datetime) -> tuple[object, ...]:
        local = at.astimezone(zone)
        return local.date(), local.hour, local.utcoffset()

    minute = moment.astimezone(UTC).replace(second=0, microsecond=0)
    while key(minute - timedelta(minutes=1)) == key(moment):
        minute -= timedelta(minutes=1)
    return minute


def expected(readings: list[Reading], interval: str, zone: str) -> dict[datetime, list[float]]:
    found: dict[datetime, list[float]] = defaultdict(list)
    for start, (_, value) in zip(truncated([ts for ts, _ in readings], interval, zone), readings, strict=True):
        found[start].append(value)
    return found


def local_range(span: tuple[str, str], zone: str) -> tuple[datetime, datetime]:
    start, end = (datetime.fromisoformat(each).replace(tzinfo=ZoneInfo(zone)) for each in span)
    return start, end


def ask(**parameters: str) -> dict[str, Any]:
    found: dict[str, Any] = get(f"/api/data/aggregate/?{urlencode(parameters)}")
    return found


@pytest.mark.parametrize(("zone", "interval"), ZONED)
def test_buckets_are_what_the_readings_give(stored: dict[str, list[Reading]], interval: str, zone: str) -> None:
    for span in SHORT_RANGES if interval in {"1m", "5m"} else RANGES:
        start, end = local_range(span, zone)
        answer = ask(
            source_id=SEATTLE, field="temperature", interval=interval, tz=zone, agg=ALL,
            start_time=start.isoformat(), end_time=end.isoformat(),
        )  # fmt: skip
        first, last = (datetime.fromisoformat(answer[name]) for name in ("start", "end"))
        within = [(ts, value) for ts, value in stored[SEATTLE] if first <= ts < last]
        assert first <= start
        assert end <= last

        buckets = expected(within, interval, zone)

        assert {datetime.fromisoformat(each["start"]) for each in answer["results"]} == set(buckets)
        for each in answer["results"]:
            values = buckets[datetime.fromisoformat(each["start"])]
            assert each["count"] == len(values)
            assert (each["min"], each["max"], each["first"], each["last"]) == (
                min(values), max(values), values[0], values[-1],
            )  # fmt: skip
            assert each["sum"] == pytest.approx(sum(values), rel=1e-9)
            assert each["avg"] == pytest.approx(sum(values) / len(values), rel=1e-9)
            local = datetime.fromisoformat(each["start"]).astimezone(ZoneInfo(zone))
            assert datetime.fromisoformat(each["start"]).utcoffset() == local.utcoffset()


@pytest.mark.parametrize("zone", ZONES)
def test_rollups_and_rows_give_the_same(stored: dict[str, list[Reading]], zone: str) -> None:
    start, end = local_range(RANGES[1], zone)
    asked = {
        "source_id": SEATTLE, "field": "temperature", "interval": "6h", "tz": zone, "agg": ALL,
        "start_time": start.isoformat(), "end_time": end.isoformat(),
    }  # fmt: skip
    rolled, rows = ask(**asked), ask(**asked, **{"field.temperature[exists]": "true"})

    assert rolled["from"] == (
        "minuteRollups" if zone in {"Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"} else "hourRollups"
    )
    assert (rows["from"], rows["resolution"]) == ("rows", "event")
    for one, other in zip(rolled["results"], rows["results"], strict=True):
        assert {**one, "sum": 0, "avg": 0} == {**other, "sum": 0, "avg": 0}
        assert (one["sum"], one["avg"]) == pytest.approx((other["sum"], other["avg"]), rel=1e-9)


def test_percentiles_are_those_of_the_readings(stored: dict[str, list[Reading]]) -> None:
    answer = ask(
        source_id=SEATTLE, field="temperature", interval="1d", tz="America/Los_Angeles", agg="p50,p90,p95,p99",
        start_time="2010-06-01T00:00:00-07:00", end_time="2010-07-01T00:00:00-07:00",
    )  # fmt: skip
    days = expected(stored[SEATTLE], "1d", "America/Los_Angeles")

    assert len(answer["results"]) == 30
    for each in answer["results"]:
        values = days[datetime.fromisoformat(each["start"])]
        cuts = quantiles(values, n=100, method="inclusive")
        assert [each[name] for name in ("p50", "p90", "p95", "p99")] == pytest.approx(
            [cuts[n - 1] for n in (50, 90, 95, 99)]
        )


Filler = Callable[[list[float | None], int], float | None]


def _previous(values: list[float | None], index: int) -> float | None:
    return next((value for value in values[index::-1] if value is not None), None)


def _linear(values: list[float | None], index: int) -> float | None:
    before = [n for n in range(index) if values[n] is not None]
    after = [n for n in range(index, len(values)) if values[n] is not None]
    if not before or not after:
        return None
    low, high = before[-1], after[0]
    one, other = values[low], values[high]
    assert one is not None
    assert other is not None
    return one + (other - one) * (index - low) / (high - low)


FILLERS: dict[str, Filler] = {
    "null": lambda values, index: None,
    "zero": lambda values, index: 0.0,
    "previous": _previous,
    "linear": _linear,
}


@pytest.mark.parametrize("fill", FILLERS)
@pytest.mark.parametrize("zone", ZONES)
def test_gaps_are_filled_as_asked(stored: dict[str, list[Reading]], fill: str, zone: str) -> None:
    # Of the daily source, so that most hours are empty.
    asked = {"source_id": "noaa.seattle.daily", "interval": "6h", "tz": zone, "agg": "count,avg,max"}
    asked |= {"start_time": "2015-06-10T00:00:00Z", "end_time": "2015-06-20T00:00:00Z"}
    field = ask(**asked)["results"][0]["field"]
    plain = ask(**asked, field=field)["results"]

    filled = ask(**asked, field=field, fill=fill)["results"]

    own = {each["start"]: each for each in plain}
    starts = [datetime.fromisoformat(each["start"]) for each in filled]
    assert all(after - before == timedelta(hours=6) for before, after in pairwise(starts))
    for name in ("avg", "max"):
        values = [own[each["start"]][name] if each["start"] in own else None for each in filled]
        for index, each in enumerate(filled):
            if values[index] is not None:
                assert each == own[each["start"]]
            else:
                assert (each["count"], each["filled"]) == (0, True)
                assert each[name] == pytest.approx(FILLERS[fill](values, index))
