"""/api/sources/: search, filters, orders and pages of sources."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ingestion.models import Source
from processing.models import SourceStatistics
from queries.tests.stored import NOON, account, get, latest, refused, walk

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]

ORDERS = [(sort, order) for sort in ("source_id", "last_seen", "events") for order in ("asc", "desc")]


def names(query: str = "") -> list[str]:
    return [source["sourceId"] for source in walk(f"/api/sources/?{query}")]


def fleet(count: int) -> list[str]:
    """Store sources with many equal times and numbers of events."""
    found = [f"sensor-{number:02}" for number in range(count)]
    for number, name in enumerate(found):
        account(name, last_seen=NOON + timedelta(seconds=number * 7 % 5), stored=number * 3 % 4)
    return found


def expected(sort: str, order: str) -> list[str]:
    def key(row: SourceStatistics) -> Any:
        return {"source_id": 0, "last_seen": row.last_seen, "events": row.stored}[sort], row.source_id

    return [row.source_id for row in sorted(SourceStatistics.objects.all(), key=key, reverse=order == "desc")]


@pytest.mark.parametrize(("sort", "order"), ORDERS)
def test_every_order_leads_through_all_sources_and_back(sort: str, order: str) -> None:
    fleet(25)
    query = f"sort={sort}&order={order}&limit=4"

    forward = names(query)
    page = get(f"/api/sources/?{query}")
    while page["next"]:
        page = get(page["next"])
    back = [[source["sourceId"] for source in page["results"]]]
    while page["previous"]:
        page = get(page["previous"])
        back.append([source["sourceId"] for source in page["results"]])

    assert forward == expected(sort, order)
    assert [name for part in reversed(back) for name in part] == forward
    assert [source["sourceId"] for source in get(f"/api/sources/?{query}&offset=6")["results"]] == forward[6:10]


@pytest.mark.parametrize(("sort", "order"), ORDERS)
def test_sources_that_stay_as_they_are_come_once_while_others_send(sort: str, order: str) -> None:
    every = fleet(40)
    busy = set(every[::2])
    found: list[str] = []
    following: str | None = f"/api/sources/?sort={sort}&order={order}&limit=3"
    pages = 0

    while following is not None:
        page = get(following)
        found += [source["sourceId"] for source in page["results"]]
        following, pages = page["next"], pages + 1
        SourceStatistics.objects.filter(source_id__in=busy).update(
            last_seen=F("last_seen") + timedelta(seconds=1), stored=F("stored") + 1
        )
        assert pages <= len(every), "the list does not end"

    assert sorted(name for name in found if name not in busy) == sorted(set(every) - busy)
    if sort == "source_id":
        assert found == expected(sort, order)


def test_the_largest_and_latest_come_first_if_no_order_is_given() -> None:
    fleet(9)

    assert names() == expected("source_id", "asc")
    assert names("sort=last_seen") == expected("last_seen", "desc")
    assert names("sort=events") == expected("events", "desc")


def test_sources_are_found_by_a_part_of_their_ids_whatever_the_case() -> None:
    for name in ("Plant-1.Pump", "plant_1", "plantX1", "pump:2", "other"):
        account(name)

    assert names("q=PUMP") == ["Plant-1.Pump", "pump:2"]
    # Neither `_` nor `.` stands for any character.
    assert names("q=plant_1") == ["plant_1"]
    assert names("q=1.p") == ["Plant-1.Pump"]
    assert names("q=p&limit=1") == sorted(["Plant-1.Pump", "plant_1", "plantX1", "pump:2"])
    assert names("q=nothing") == []


def test_sources_are_filtered_by_when_they_were_last_seen() -> None:
    for number in range(5):
        account(f"sensor-{number}", last_seen=NOON + timedelta(minutes=number))

    assert names("last_seen_after=2009-04-11T12:03:00Z") == ["sensor-3", "sensor-4"]
    assert names("lastSeenBefore=2009-04-11T12:01:00Z") == ["sensor-0"]
    assert names("last_seen_after=2009-04-11T12:01:00Z&last_seen_before=2009-04-11T12:03:00Z&limit=1") == [
        "sensor-1",
        "sensor-2",
    ]


WRONG = [
    ("q=", "q"),
    ("q=a%00b", "q"),
    ("q=%25", "q"),
    ("q=" + quote("ä"), "q"),
    ("q=%ED%A0%80", "q"),
    ("q=" + "a" * 129, "q"),
    ("sort=name", "sort"),
    ("sort=", "sort"),
    ("order=up", "order"),
    ("last_seen_after=yesterday", "last_seen_after"),
    ("last_seen_before=a%00b", "last_seen_before"),
    ("last_seen_after=2025-01-02&last_seen_before=2025-01-01", "last_seen_before"),
    ("limit=0", "limit"),
    ("limit=1001", "limit"),
    ("offset=10001", "offset"),
    ("cursor=abc", "cursor"),
    ("cursor=%00", "cursor"),
    ("sort=events&sort=events", "sort"),
]


@pytest.mark.parametrize(("query", "parameter"), WRONG)
def test_a_wrong_parameter_is_named(query: str, parameter: str) -> None:
    status, problem = refused(f"/api/sources/?{query}")

    assert (status, problem["code"]) == (400, "invalid_parameter")
    assert [wrong["pointer"] for wrong in problem["errors"]] == [f"?{parameter}"]
    assert problem["detail"].startswith(f"{parameter}: ")


def test_an_unknown_parameter_is_answered_with_the_nearest_one() -> None:
    status, problem = refused("/api/sources/?last_seen=2025-01-01")

    assert (status, problem["code"]) == (400, "unknown_parameter")
    assert "the nearest one is last_seen" in problem["detail"]


def test_a_cursor_of_another_list_is_refused_and_one_of_this_list_brings_its_parameters() -> None:
    fleet(6)
    following = get("/api/sources/?sort=events&q=sensor&limit=2")["next"]
    cursor = following.partition("cursor=")[2]

    for other in ("sort=last_seen", "order=asc", "q=other", "last_seen_after=2009-01-01", "sort=source_id"):
        status, problem = refused(f"/api/sources/?{other}&cursor={cursor}")
        assert (status, problem["errors"][0]["pointer"]) == (400, "?cursor"), other
    # The last character but one: the last has bits that mean nothing.
    bent = cursor[:-2] + ("a" if cursor[-2] != "a" else "b") + cursor[-1]
    assert refused(f"/api/sources/?cursor={bent}")[0] == 400
    assert get(f"/api/sources/?cursor={cursor}&limit=2")["results"] == get(following)["results"]


def test_pages_are_linked_and_read_with_few_statements_whatever_their_order() -> None:
    every = fleet(25)
    for name in every:
        latest(name, [("x", 1.0)])
        Source.objects.create(source_id=name)
    answer = Client().get("/api/sources/?limit=10")

    for query in ("", "q=sensor", "sort=events&order=asc"):
        with CaptureQueriesContext(connection) as captured:
            get(f"/api/sources/?limit=10&{query}")
        assert len(captured) <= 6, query
    assert answer.headers["Link"] == f'<{answer.json()["next"]}>; rel="next"'
