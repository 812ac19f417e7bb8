"""`filter=`: what a line means in PostgreSQL is what it means for an event of the live feed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from deploy.testing.deployment import Deployment
from processing.models import Event
from processing.stores.jsonb import load_payload
from queries.request.filter_line import matching
from queries.request.filter_line.parsing import parse
from queries.tests.exported import exported
from queries.tests.stored import account, get, make_event, refused, store_text

pytestmark = pytest.mark.services

SPAN = {"start_time": "2009-04-01", "end_time": "2009-05-01", "limit": "1000"}
PAYLOADS = [
    '{"a": {"b": 5}, "t": "Warm"}', '{"a": {"b": 5.5}, "t": "warmer"}', '{"a": {"b": "5"}, "t": null}', '{"a": {"b": true}}',
    '{"a": [5, "warm", {"x": "deep"}], "t": "wärme"}', '{"a": {"b": -3}, "t": "a b"}', '{"a": {"b": [5]}, "t": "a\\"b\\\\c"}', "{}",
    '{"t": "' + "w" * 600 + '"}', '{"a": {"b": 9007199254740993}, "n": 1e300}', '{"t": 42, "u": {"v": [[42, "x.y*"]]}}',
]  # fmt: skip
LINES = [
    "a.b=5", "-a.b=5", "a.b!=5", "-a.b!=5", "a.b>5", "a.b>=5.0", "a.b<5", "-a.b<5", "a.b=5,-3,true", 'a.b="5"', "has:a.b", "-has:a.b",
    "has:t", "t=null", "-t=null", "t~warm", "t~w", "-t~w", "a~warm", "a~5", "a.b~5", "t>b", "t<=Warm", "a.1=warm", "a.2.x~dee",
    "warm", "WARM", "-warm", "wärme", "deep", "42", "5", "-5", '"a b"', '"a\\"b\\\\c"', '"x.y*"', "x.y", "red", "-red", "tag:red",
    "-tag:red", "hall", "-hall", "source:hall-*", "source:hall-1,yard", "-source:hall-*", "-source:yard source:*",
    "source:hall-* -source:hall-1 t~w", "a.b=9007199254740993", "a.b=9007199254740992", "n>1e299", "t=" + "w" * 600,
]  # fmt: skip


@pytest.fixture(name="site", scope="module")
def _site(module_site: Deployment) -> Deployment:
    return module_site


@pytest.fixture(scope="module")
def events(site: Deployment) -> list[Event]:
    for number, payload in enumerate(PAYLOADS):
        source = ("hall-1", "hall-2", "yard")[number % 3]
        store_text(payload, source_id=source)
    tagged = make_event("yard", payload={"t": "warm"})
    tagged.tags = ["red", "hot"]
    tagged.save(force_insert=True)
    for source in ("hall-1", "hall-2", "yard"):
        account(source)
    return list(Event.objects.all())


def found(line: str, **more: str) -> set[str]:
    return {each["eventId"] for each in get(f"/data?{urlencode({'filter': line, **SPAN, **more})}")["results"]}


def test_a_line_means_the_same_for_what_is_stored_and_for_what_comes_now(events: list[Event]) -> None:
    for text in LINES:
        line = parse(text)
        passing = {
            str(each.id)
            for each in events
            if matching.passes(
                line, source_id=each.source_id, payload=load_payload(json.dumps(each.payload)), tags=each.tags or []
            )
        }

        assert found(text) == passing, text
    assert found("t~w", source_id="hall-*", tag="red") == set()


def test_a_line_is_carried_by_cursors_and_meant_by_aggregates_and_exports_too(events: list[Event]) -> None:
    asked = urlencode({"filter": "has:a.b -warm", **SPAN, "limit": "2"})
    walked: list[dict[str, Any]] = []
    address: str | None = f"/data?{asked}"
    while address:
        page = get(address)
        walked += page["results"]
        address = page["next"]

    assert {each["eventId"] for each in walked} == found("has:a.b -warm")
    assert len(walked) == len(found("has:a.b -warm"))
    summed = {"filter": "source:hall-* a.b>0", "field": "a.b", "agg": "count", "group": "none", "interval": "1d"}
    counted = get(f"/api/data/aggregate/?{urlencode(summed | {'start_time': '2009-04-11', 'end_time': '2009-04-12'})}")
    assert counted["results"][0]["count"] == len(found("source:hall-* a.b>0"))
    lines = exported(urlencode({"filter": "warm", "start_time": "2009-04-01", "end_time": "2009-05-01"}))
    assert len(lines.splitlines()) == len(found("warm"))


def test_a_line_that_is_wrong_or_looks_into_too_much_is_refused_at_its_place() -> None:
    status, problem = refused(f"/data?{urlencode({'filter': 'late temperature>'})}")
    assert (status, problem["detail"]) == (
        400,
        "filter: at character 18: expected a value; a text with spaces or signs stands in quotes",
    )
    status, problem = refused(f"/data?{urlencode({'filter': 'temperature>3'})}")
    assert (status, problem["code"]) == (400, "query_too_wide")
    assert problem["detail"].startswith("filter: this looks into events")
    assert get(f"/data?{urlencode({'filter': 'source:hall-1 temperature>3'})}")["results"] == []
