"""/api/sources/<id>/latest/ and /api/latest/: latest values and newest events."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deploy.testing.deployment import Deployment
from ingestion.models import Source
from processing.models import LatestValue, SourceStatistics
from queries.sources import latest as latest_of_sources
from queries.tests import many
from queries.tests.stored import NOON, account, get, latest, make_event, refused, store

pytestmark = pytest.mark.services


@pytest.mark.usefixtures("site")
def test_a_source_shows_its_latest_values_and_its_newest_event() -> None:
    account("sensor-1")
    latest("sensor-1", [("temperature", 23.5), ("room.humidity", 45.0)])
    Source.objects.create(source_id="sensor-1", labels={"unit.room.humidity": "%", "unit": "V"})
    older, newest = make_event(), make_event(ts=NOON + timedelta(seconds=1), payload={"note": "no number"})
    store(newest, older, make_event("sensor-2", ts=NOON + timedelta(days=1)))

    found = get("/api/sources/sensor-1/latest/")

    humidity, temperature = LatestValue.objects.order_by("field")
    assert found["sourceId"] == "sensor-1"
    assert found["fields"] == [
        {"name": "room.humidity", "value": 45.0, "at": "2009-04-11T12:00:00Z", "eventId": str(humidity.event_id), "unit": "%"},
        {"name": "temperature", "value": 23.5, "at": "2009-04-11T12:00:00Z", "eventId": str(temperature.event_id), "unit": "V"},
    ]  # fmt: skip
    assert found["event"] == get("/data?source_id=sensor-1&limit=1")["results"][0]
    assert found["event"]["payload"] == {"note": "no number"}
    assert get("/api/latest/?source_id=sensor-1") == {"results": [found], "missing": 0}


@pytest.mark.usefixtures("site")
def test_of_events_at_the_same_time_the_newest_is_that_of_the_latest_values() -> None:
    account("sensor-1")
    events = [make_event() for _ in range(5)]
    store(*events)

    assert get("/api/sources/sensor-1/latest/")["event"]["eventId"] == str(max(event.id for event in events))


@pytest.mark.usefixtures("site")
def test_several_sources_are_named_by_ids_and_patterns() -> None:
    for name in ("plant-1", "plant-2", "plant_3", "other", "latest"):
        account(name)
        store(make_event(name))
    account("", read=1)
    account("all-dead", read=1, dead_lettered=1)

    def names(query: str) -> tuple[list[str], int]:
        found = get(f"/api/latest/?{query}")
        return [each["sourceId"] for each in found["results"]], found["missing"]

    assert names("source_id=plant-*&source_id=other&sourceId=unheard") == (["other", "plant-1", "plant-2"], 1)
    assert names("source_id=none-*") == ([], 0)
    assert names("source_id=plant-1&source_id=plant-1&source_id=plant-*") == (["plant-1", "plant-2"], 0)
    every = ["all-dead", "latest", "other", "plant-1", "plant-2", "plant_3"]
    assert sorted(names("")[0]) == sorted(names("source_id=*")[0]) == every
    assert get("/api/sources/all-dead/latest/") == {"sourceId": "all-dead", "fields": [], "event": None}
    # A source may have any of these names.
    assert get("/api/sources/latest/")["sourceId"] == "latest"
    assert get("/api/sources/latest/latest/")["event"]["sourceId"] == "latest"
    assert refused("/api/sources/unheard/latest/")[0] == 404


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("value", ["", "a%00", "%ED%A0%80", "a b", "*a", "a**", "a" * 129])
def test_what_is_no_source_is_named(value: str) -> None:
    status, problem = refused(f"/api/latest/?source_id=ok&source_id={value}")

    assert (status, problem["code"]) == (400, "invalid_parameter")
    assert problem["errors"][0]["pointer"] == "?source_id"
    assert refused("/api/sources/sensor-1/latest/?limit=1")[1]["code"] == "unknown_parameter"


@pytest.mark.usefixtures("site")
def test_more_sources_than_an_answer_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a-1", "a-2", "a-3"):
        account(name)
    monkeypatch.setattr(latest_of_sources, "MAX_SOURCES", 2)

    for query in ("", "?source_id=a-*", "?source_id=a-1&source_id=a-2&source_id=b"):
        status, problem = refused(f"/api/latest/{query}")
        assert (status, problem["code"]) == (400, "query_too_wide"), query
        assert problem["errors"][0]["pointer"] == "?source_id"
    assert len(get("/api/latest/?source_id=a-1&source_id=a-2")["results"]) == 2


def test_the_newest_events_are_read_by_their_keys(module_site: Deployment) -> None:
    many.fill(60_000, sources=20)
    for number in range(20):
        account(f"sensor-{number:03}")

    with CaptureQueriesContext(connection) as captured:
        assert len(get("/api/latest/?source_id=sensor-*")["results"]) == 20
        get("/api/sources/sensor-003/latest/")

    for plan in many.plans(captured):
        assert "Seq Scan on events" not in plan
        # No older month than that of the newest event.
        assert "events_2024_06" in plan
        assert "events_2024_05" not in plan
    assert SourceStatistics.objects.count() == 20
