"""/api/data/aggregate/: the numbers, the buckets, the limits."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest

from processing.events.rollups import LARGEST
from processing.models import SourceStatistics
from queries.aggregates import answer, reading
from queries.aggregates.buckets import INTERVALS, LENGTHS, MAX_BUCKETS
from queries.request.times import format_time
from queries.tests.stored import NOON, account, get, refused, roll_up, series, store, store_text

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]

MIDNIGHT = NOON.replace(hour=0)
SPAN = "start_time=2009-04-11&end_time=2009-04-12"


def readings(count: int, *, step: timedelta, seed: int = 3) -> list[tuple[datetime, float]]:
    numbers = random.Random(seed)
    return [(MIDNIGHT + number * step, numbers.uniform(-50, 50)) for number in range(count)]


def test_buckets_are_what_the_values_give() -> None:
    temperatures = readings(700, step=timedelta(minutes=7))
    roll_up("sensor-1", "temperature", temperatures)
    roll_up("sensor-1", "humidity", readings(10, step=timedelta(minutes=7)))
    roll_up("other", "temperature", readings(10, step=timedelta(minutes=7)))

    for interval in INTERVALS[:-2]:
        width = LENGTHS[interval]
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


def test_more_buckets_than_an_answer_may_hold_are_refused_with_the_interval_that_fits() -> None:
    roll_up("s", "f", readings(2, step=timedelta(minutes=MAX_BUCKETS)))
    fewer = format_time(MIDNIGHT + timedelta(minutes=MAX_BUCKETS))

    status, problem = refused("/api/data/aggregate/?interval=1m")

    assert (status, problem["code"]) == (400, "query_too_wide")
    assert "interval=5m" in problem["detail"]
    assert len(get("/api/data/aggregate/?interval=5m")["results"]) == 2
    assert len(get(f"/api/data/aggregate/?interval=1m&fill=null&end_time={fewer}")["results"]) == MAX_BUCKETS


def test_more_series_than_an_answer_may_hold_come_page_by_page() -> None:
    for source in ("a", "b", "c"):
        for field in ("x", "y"):
            roll_up(source, field, readings(5, step=timedelta(hours=1)))
    span = {"start_time": format_time(MIDNIGHT), "end_time": format_time(MIDNIGHT + timedelta(days=3))}
    asked = f"/api/data/aggregate/?{urlencode({'interval': '1m', 'fill': 'zero', 'agg': 'count', **span})}"

    pages = [get(asked)]
    while pages[-1]["next"]:
        pages.append(get(pages[-1]["next"]))

    shown = [[(each["sourceId"], each["field"]) for each in page["results"]] for page in pages]
    assert [sorted(set(page)) for page in shown] == [
        [("a", "x"), ("a", "y")],
        [("b", "x"), ("b", "y")],
        [("c", "x"), ("c", "y")],
    ]
    assert {len(page) for page in shown} == {2 * 3 * 1440}
    assert sum(each["count"] for page in pages for each in page["results"]) == 6 * 5
    other = pages[0]["next"].replace("fill=zero", "fill=null")
    assert refused(other)[1]["detail"] == "cursor: belongs to another query"


def test_the_largest_series_are_found_over_all_sources() -> None:
    for number, source in enumerate(("a", "b", "c", "d")):
        roll_up(source, "x", [(NOON, number), (NOON + timedelta(hours=1), -number)])
    roll_up("e", "y", [(NOON, 0.5)] * 3)

    def top(**more: str) -> list[str]:
        results = get(f"/api/data/aggregate/?{urlencode({'top': '2', 'interval': '1d', **more})}")["results"]
        return [each["sourceId"] for each in results]

    assert top(by="max") == ["c", "d"]
    assert top(by="min") == ["a", "e"]
    assert top(by="count", top="1") == ["e"]
    assert top(by="last", field="x") == ["a", "b"]
    assert top(by="max", source_id="a", field="x") == ["a"]


def test_more_series_than_can_be_compared_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("a", "b", "c"):
        roll_up(source, "x", [(NOON, 1.0)])
    monkeypatch.setattr(answer, "MAX_RANKED", 2)

    assert refused("/api/data/aggregate/?top=1&interval=1d")[1]["errors"][0]["pointer"] == "?top"
    assert len(get("/api/data/aggregate/?top=1&interval=1d&source_id=b")["results"]) == 1


def test_a_series_may_be_of_several_sources_or_fields() -> None:
    roll_up("a", "x", [(NOON, 1.0), (NOON + timedelta(minutes=1), 4.0)])
    roll_up("b", "x", [(NOON, 2.0)])
    roll_up("b", "y", [(NOON, -6.0)])

    def groups(group: str) -> dict[tuple[str | None, str | None], tuple[int, float, float, float]]:
        results = get(f"/api/data/aggregate/?interval=1d&agg=count,sum,first,last&group={group}")["results"]
        return {
            (each["sourceId"], each["field"]): (each["count"], each["sum"], each["first"], each["last"])
            for each in results
        }

    assert groups("source,field") == {
        ("a", "x"): (2, 5.0, 1.0, 4.0), ("b", "x"): (1, 2.0, 2.0, 2.0), ("b", "y"): (1, -6.0, -6.0, -6.0),
    }  # fmt: skip
    assert {key: value[:2] for key, value in groups("source").items()} == {
        ("a", None): (2, 5.0),
        ("b", None): (2, -4.0),
    }
    assert {key: value[:2] for key, value in groups("field").items()} == {(None, "x"): (3, 7.0), (None, "y"): (1, -6.0)}
    assert {key: value[:2] for key, value in groups("none").items()} == {(None, None): (4, 1.0)}


def test_an_answer_says_which_sources_have_less_in_their_rollups() -> None:
    for source in ("cut", "capped", "whole"):
        roll_up(source, "x", [(NOON, 1.0)])
        account(source)
    SourceStatistics.objects.filter(source_id="cut").update(rollups_cut_at=NOON)
    SourceStatistics.objects.filter(source_id="capped").update(fields_capped=True)

    assert get("/api/data/aggregate/?interval=1d")["incomplete"] == [
        {"sourceId": "capped", "reason": "fields_capped"}, {"sourceId": "cut", "reason": "rollups_cut"},
    ]  # fmt: skip
    assert get("/api/data/aggregate/?interval=1d&source_id=whole")["incomplete"] == []
    # Rows leave nothing out.
    assert get("/api/data/aggregate/?interval=1d&source_id=cut&agg=p50")["incomplete"] == []


def test_an_answer_without_a_series_says_what_its_rollups_lack_too() -> None:
    roll_up("whole", "x", [(NOON, 1.0)])
    for source in ("capped", "whole"):
        account(source)
    SourceStatistics.objects.filter(source_id="capped").update(fields_capped=True)
    lacking = [{"sourceId": "capped", "reason": "fields_capped"}]

    for asked in ("source_id=capped&field=x", "source_id=capped&source_id=whole&field=x", "field=x", "top=1"):
        assert get(f"/api/data/aggregate/?interval=1d&{SPAN}&{asked}")["incomplete"] == lacking, asked
        if "top" not in asked:
            assert get(f"/api/series/?from=2009-04-11&to=2009-04-12&{asked}")["incomplete"] == lacking, asked
    # Rows have everything, but the largest are found by rollups.
    ranked = get(f"/api/data/aggregate/?interval=1d&{SPAN}&top=1&agg=p50&by=max")
    assert (ranked["from"], ranked["incomplete"]) == ("rows", lacking)
    assert get(f"/api/data/aggregate/?interval=1d&{SPAN}&agg=p50&field=x")["incomplete"] == []


def test_what_a_ranking_would_go_by_does_not_matter_without_one() -> None:
    roll_up("whole", "x", [(NOON, 1.0)])

    assert get("/api/data/aggregate/?interval=1d&by=p95")["from"] == "hourRollups"


def test_numbers_of_rows_are_summed_up_however_large_or_small_they_are() -> None:
    for number, text in enumerate(("1.7e308", "1.7e308", "1e-400", "5e-324", '"5"', "true", "null", "[7]", "0.5")):
        store_text(f'{{"x": {text}}}', source_id=f"s{number}")

    asked = (
        "/api/data/aggregate/?interval=1d&field=x&agg=count,sum,min,max,p50&start_time=2009-04-01&end_time=2009-05-01"
    )
    [bucket] = get(f"{asked}&group=none")["results"]

    assert (bucket["count"], bucket["sum"], bucket["min"], bucket["max"], bucket["p50"]) == (5, None, 0, 1.7e308, 0.5)


def test_more_numbers_than_an_answer_may_be_made_of_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 5)
    store(*series(6))
    asked = "/api/data/aggregate/?interval=1d&agg=p50&field=temperature&source_id=sensor-1"
    account("sensor-1")

    status, problem = refused(asked)

    assert (status, problem["code"], problem["errors"][0]["pointer"]) == (400, "query_too_wide", "?start_time")
    assert get(f"{asked}&start_time={format_time(NOON + timedelta(days=1))}")["results"] == []
    monkeypatch.setattr(reading, "MAX_ROWS", 6)
    assert [each["p50"] for each in get(asked)["results"]] == [1.5]


BAD = [
    ({"interval": "2h"}, "interval", "1h"), ({"tz": "Europe/Berlni"}, "tz", "Europe/Berlin"), ({"tz": ""}, "tz", ""),
    ({"tz": "europe/berlin"}, "tz", "Europe/Berlin"), ({"tz": "../../etc/passwd"}, "tz", ""), ({"tz": "+02:00"}, "tz", ""),
    ({"agg": "mean"}, "agg", "min"), ({"agg": "avg,,sum"}, "agg", ""), ({"fill": "prev"}, "fill", "previous"),
    ({"group": "sources"}, "group", "source"), ({"group": "none,field"}, "group", ""), ({"top": "0"}, "top", ""),
    ({"top": "1001"}, "top", ""), ({"top": "3", "by": "p50"}, "by", "max"), ({"by": "most"}, "by", ""),
    ({"field": "a..b"}, "field", ""), ({"field": ",".join(f"f{n}" for n in range(101))}, "field", ""),
    ({"cursor": "abc"}, "cursor", ""), ({"start_time": "2025-02-01", "end_time": "2025-01-01"}, "end_time", ""),
    ({"limit": "3"}, "", ""), ({"source_id": "a", "field.x[gtt]": "1"}, "field", "gt"), ({"field.x": "1"}, "field", "start_time="),
    ({"interval": "1h", "intervals": "1h"}, "", "interval"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "parameter", "nearest"), BAD)
def test_what_can_not_be_used_is_named_with_what_is_nearest(
    given: dict[str, str], parameter: str, nearest: str
) -> None:
    status, problem = refused(f"/api/data/aggregate/?{urlencode(given)}")

    assert status == 400
    assert problem["errors"][0]["pointer"] == f"?{parameter}"
    assert nearest in problem["detail"]


@pytest.mark.parametrize(
    "span",
    [
        ("0001-01-01", "9999-12-31"),
        ("9999-12-30", "9999-12-31"),
        ("0001-01-01", "0001-01-02"),
        ("2200-01-01", "2300-01-01"),
    ],
)
def test_ranges_at_the_ends_of_the_calendar_are_no_error(span: tuple[str, str]) -> None:
    roll_up("s", "f", [(NOON, 1.0)])

    answer = get(f"/api/data/aggregate/?{urlencode({'interval': '1w', 'start_time': span[0], 'end_time': span[1]})}")

    assert len(answer["results"]) == (span[0] < "2009" < span[1])


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
