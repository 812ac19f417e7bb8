"""/api/series/: one request answers one chart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from ingestion.models import Source
from processing.models import LatestValue
from queries.aggregates import chart
from queries.request.times import format_time
from queries.sources import shapes
from queries.tests.stored import NOON, get, refused, roll_up

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]

MIDNIGHT = NOON.replace(hour=0)


def ask(**parameters: str) -> Any:
    return get(f"/api/series/?{urlencode(parameters, doseq=True)}")


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def hours(count: int) -> list[tuple[datetime, float]]:
    return [(MIDNIGHT + timedelta(hours=n), float(n)) for n in range(count)]


def test_columns_have_a_place_for_each_point_and_null_for_each_gap() -> None:
    roll_up("a", "x", hours(3))
    roll_up("b", "x", [(MIDNIGHT + timedelta(hours=1), 5.0), (MIDNIGHT + timedelta(minutes=70), 7.0)])
    roll_up("b", "y", [(NOON - timedelta(days=30), 1.0)])
    Source.objects.create(source_id="b", labels={"unit": "m/s", "unit.y": "K", "place": "roof"})

    found = ask(**{"from": format_time(MIDNIGHT), "to": format_time(MIDNIGHT + timedelta(hours=4)), "interval": "1h"})

    assert found["time"] == [ms(MIDNIGHT + timedelta(hours=n)) for n in range(4)]
    assert [(each["sourceId"], each["field"], each["name"], each["unit"]) for each in found["series"]] == [
        ("a", "x", "a x", None), ("b", "x", "b x", "m/s"), ("b", "y", "b y", "K"),
    ]  # fmt: skip
    ax, bx, by = found["series"]
    assert (ax["count"], ax["avg"]) == ([1, 1, 1, 0], [0.0, 1.0, 2.0, None])
    assert (bx["avg"], bx["min"], bx["max"]) == (
        [None, 6.0, None, None], [None, 5.0, None, None], [None, 7.0, None, None],
    )  # fmt: skip
    assert (by["avg"], by["labels"]) == ([None] * 4, {"unit": "m/s", "unit.y": "K", "place": "roof"})
    assert (found["from"], found["resolution"], found["incomplete"]) == ("hourRollups", "1h", [])


@pytest.mark.parametrize(
    ("days", "points", "interval"),
    [
        (30, 800, "1h"),
        (30, 720, "1h"),
        (30, 719, "6h"),
        (0.5, 800, "1m"),
        (2, 800, "5m"),
        (365, 800, "1d"),
        (365, 13, "1M"),
    ],
)
def test_the_resolution_is_the_finest_with_few_enough_points(days: float, points: int, interval: str) -> None:
    roll_up("a", "x", hours(3))
    asked = {
        "from": format_time(MIDNIGHT),
        "to": format_time(MIDNIGHT + timedelta(days=days)),
        "max_points": str(points),
    }

    found = ask(**asked)

    assert found["interval"] == interval
    assert len(found["time"]) <= points


def test_a_range_of_more_months_than_points_is_refused() -> None:
    roll_up("a", "x", hours(3))
    asked = {"from": "2009-04-11", "to": "2010-04-11", "max_points": "12"}

    assert refused(f"/api/series/?{urlencode(asked)}")[1]["errors"][0]["pointer"] == "?max_points"


def test_the_first_and_the_last_point_are_inside_the_range() -> None:
    roll_up("a", "x", hours(9))
    start, end = MIDNIGHT + timedelta(hours=1, minutes=20), MIDNIGHT + timedelta(hours=5, seconds=1)

    found = ask(**{"from": format_time(start), "to": format_time(end), "interval": "1h"})

    assert found["time"] == [ms(start), *(ms(MIDNIGHT + timedelta(hours=n)) for n in (2, 3, 4, 5))]
    assert found["series"][0]["avg"] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_range_may_be_said_by_its_distance_from_now() -> None:
    now = datetime.now(tz=UTC)
    roll_up("a", "x", [(NOON, 1.0)])

    for first, last, start, end in (
        ("now-6h", "now", now - timedelta(hours=6), now),
        (str(ms(now - timedelta(days=2))), str(int(now.timestamp())), now - timedelta(days=2), now),
        ("now-3d", "now-90m", now - timedelta(days=3), now - timedelta(minutes=90)),
        ("now-1w", "now+1d", now - timedelta(days=7), now + timedelta(days=1)),
    ):
        found = ask(**{"from": first, "to": last})
        for name, moment in (("start", start), ("end", end)):
            assert abs(datetime.fromisoformat(found[name]) - moment) < timedelta(seconds=20), (first, last)
    assert abs(datetime.fromisoformat(ask()["start"]) - (now - timedelta(hours=6))) < timedelta(seconds=20)


@pytest.mark.parametrize("span", [("9999-12-30", "9999-12-31"), ("0001-01-01", "0001-01-02"), ("now", "now+999999w")])
def test_a_time_that_no_event_can_have_is_a_chart_without_points(span: tuple[str, str]) -> None:
    roll_up("a", "x", hours(2))

    found = ask(**{"from": span[0], "to": span[1], "source_id": "a"})

    assert found["time"] == found["series"][0]["avg"] == [] or span[0] == "now"


def test_rows_have_a_member_for_each_series() -> None:
    roll_up("a", "x", hours(2))
    roll_up("b", "x", hours(1))
    asked = {"from": format_time(MIDNIGHT), "to": format_time(MIDNIGHT + timedelta(hours=2)), "interval": "1h"}

    assert ask(**asked, shape="rows")["rows"] == [
        {"time": ms(MIDNIGHT), "a x": 0.0, "b x": 0.0},
        {"time": ms(MIDNIGHT + timedelta(hours=1)), "a x": 1.0, "b x": None},
    ]


def test_only_the_series_that_are_named_are_read() -> None:
    for source in ("hall-1", "hall-2", "yard"):
        for field in ("x", "y", "z"):
            roll_up(source, field, hours(1))

    def names(**parameters: Any) -> list[str]:
        return [each["name"] for each in ask(**parameters)["series"]]

    assert names(source_id=["hall-1", "yard"], field="x,z") == ["hall-1 x", "hall-1 z", "yard x", "yard z"]
    assert names(source_id="yard", field=["y", "x"]) == ["yard x", "yard y"]
    assert names(source_id="nowhere") == []


def test_labels_of_many_series_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in ("x", "y"):
        roll_up("a", field, hours(1))
    Source.objects.create(source_id="a", labels={"unit": "K", "place": "r" * 60})
    monkeypatch.setattr(shapes, "LABEL_TEXT", 100)

    assert [(each["unit"], each["labels"]) for each in ask()["series"]] == [
        ("K", {"unit": "K", "labelsLeftOut": "1"})
    ] * 2


def test_a_source_may_have_as_many_fields_in_a_chart_as_it_may_have_rolled_up(settings: Any) -> None:
    settings.DATAFLOW_MAX_FIELDS_PER_SOURCE = chart.MAX_SERIES + 2
    roll_up("a", "x", hours(1))
    LatestValue.objects.bulk_create(
        LatestValue(source_id="a", field=f"f{number}", value=1, ts=NOON, event_id=uuid4())
        for number in range(chart.MAX_SERIES + 1)
    )

    assert len(ask(source_id="a", max_points="24")["series"]) == chart.MAX_SERIES + 2


def test_too_many_series_and_points_are_refused(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.DATAFLOW_MAX_FIELDS_PER_SOURCE = 1
    for field in ("x", "y", "z"):
        roll_up("a", field, hours(1))
    monkeypatch.setattr(chart, "MAX_SERIES", 2)
    assert refused("/api/series/")[1]["errors"][0]["pointer"] == "?field"
    monkeypatch.setattr(chart, "MAX_SERIES", 3)
    monkeypatch.setattr(chart, "MAX_VALUES", 100)
    assert refused("/api/series/")[1]["errors"][0]["pointer"] == "?max_points"


BAD = [
    ({"from": "yesterday"}, "from"), ({"to": "now-6x"}, "to"), ({"from": "now", "to": "now-1h"}, "from"),
    ({"from": "now+1h"}, "from"), ({"max_points": "0"}, "max_points"), ({"max_points": "10001"}, "max_points"),
    ({"interval": "1s"}, "interval"), ({"interval": "1m", "from": "now-30d"}, "interval"), ({"tz": "Mars/Olympus"}, "tz"),
    ({"shape": "table"}, "shape"), ({"start_time": "2025-01-01"}, ""), ({"field": ".x"}, "field"), ({"from": "9" * 19}, "from"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "parameter"), BAD)
def test_what_can_not_be_used_is_named(given: dict[str, str], parameter: str) -> None:
    status, problem = refused(f"/api/series/?{urlencode(given)}")

    assert (status, problem["errors"][0]["pointer"]) == (400, f"?{parameter}")
