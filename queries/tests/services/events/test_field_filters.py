"""GET /data with filters on fields and tags: each operator on each kind of value, by an independent comparison."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client

from processing.models import Event
from queries.tests.stored import NOON, account, get, ids, make_event, refused, series, store, store_text, walk

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]

SPAN = [("start_time", "2009-04-01"), ("end_time", "2009-05-01")]
# As JSON, as they are stored.
STORED = [
    *("0", "-0.0", "5", "5.0", "5.5", "-3", "1e300", "9007199254740993", "9007199254740992", "0.1", "5e-324"),
    *('"5"', '"10"', '"9"', '""', '"warm"', '"Warm"', '"warmer"', '"wärme"', '"true"', '"%_\\\\"', '"a\'b"', '"{}"'),
    *("true", "false", "null", "[]", '["warm", 5]', "[true, [5]]", "{}", '{"gt": 5}', json.dumps("w" * 600)),
]
# As they are sent, and what they stand for.
ASKED: list[tuple[str, Any]] = [
    ("0", Decimal(0)), ("5", Decimal(5)), ("5.00", Decimal(5)), ("-3", Decimal(-3)), ("1e300", Decimal("1e300")),
    ("9007199254740993", Decimal("9007199254740993")), ("0.1", Decimal("0.1")), ('"5"', "5"), ("05", "05"), ("warm", "warm"),
    ("Warm", "Warm"), ("wärme", "wärme"), ("true", True), ("false", False), ("null", None), ('"true"', "true"), ('"null"', "null"),
    ("%_\\", "%_\\"), ("a'b", "a'b"), ("{}", "{}"), ("[]", "[]"), ("NaN", "NaN"), ("w" * 600, "w" * 600), ("", ""),
]  # fmt: skip
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le,
}  # fmt: skip


def decoded(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def expected(stored: Any, sign: str, wanted: Any) -> bool:
    """Return whether an event with this value matches, as the documentation says it."""
    if sign == "eq":
        return same(stored, wanted)
    if sign == "ne":
        return not same(stored, wanted)
    if sign == "contains":
        if isinstance(stored, list):
            return any(same(item, wanted) for item in stored)
        return isinstance(stored, str) and isinstance(wanted, str) and wanted in stored
    return type(stored) is type(wanted) and isinstance(wanted, Decimal | str) and _SIGNS[sign](stored, wanted)


def found(name: str, value: str) -> set[str]:
    answer = get(
        f"/data?{urlencode({name: value, 'limit': 1000, 'start_time': '2009-04-01', 'end_time': '2009-05-01'})}"
    )
    return {event["sourceId"] for event in answer["results"]}


@pytest.fixture
def stored() -> dict[str, Any]:
    """Events, each of its own source, with a value of each kind at a path; some without anything there."""
    values = {f"s{number:02}": text for number, text in enumerate(STORED)}
    for source, text in values.items():
        store_text(f'{{"a": {{"b.c": {text}}}, "d": 1}}', source_id=source)
    store(make_event("none", payload={"d": 1}), make_event("other", payload={"a": 5, "a.b.c": 5}))
    return {source: decoded(text) for source, text in values.items()}


def test_every_operator_finds_what_it_says(stored: dict[str, Any]) -> None:
    path = "field.a.b\\.c"
    for text, wanted in ASKED:
        signs = ["eq", "ne"]
        signs += [] if wanted is None or isinstance(wanted, bool) else list(_SIGNS)
        signs += ["contains"] if wanted != "" else []
        for sign in signs:
            matching = {source for source, value in stored.items() if expected(value, sign, wanted)}

            assert found(f"{path}[{sign}]", text) == matching, (sign, text)
        assert found(path, text) == found(f"{path}[eq]", text)


def test_a_list_of_values_finds_each(stored: dict[str, Any]) -> None:
    wanted = [Decimal(5), "warm", "a,b", True, None, "", 'q"']
    matching = {source for source, value in stored.items() if any(same(value, each) for each in wanted)}

    assert found("field.a.b\\.c[in]", '5, warm,"a,b",true,null,"","q\\""') == matching


def test_a_field_exists_or_not(stored: dict[str, Any]) -> None:
    assert found("field.a.b\\.c[exists]", "true") == set(stored)
    assert found("field.a.b\\.c[exists]", "false") == {"none", "other"}
    assert found("field.d[exists]", "true") == {*stored, "none"}


def test_all_filters_of_a_query_must_match() -> None:
    store(*(make_event(f"s{n}", payload={"a": n, "b": n % 2 == 0, "c": "x" * n}) for n in range(10)))

    answer = get(
        "/data?source_id=s4&source_id=s5&source_id=s6&source_id=s9&field.a[gte]=3&field.a[lt]=8&field.b=true&order=asc"
    )

    assert {event["sourceId"] for event in answer["results"]} == {"s4", "s6"}


def test_pages_of_a_filtered_list_show_each_match_once() -> None:
    events = series(60)
    for number, event in enumerate(events):
        event.payload = {"n": number % 7, "label": "a&b=c é"}
    stored = store(*events)
    matching = [id_ for number, id_ in enumerate(stored) if number % 7 > 4]

    asked = urlencode({"source_id": "sensor-1", "field.n[gt]": 4, "field.label[contains]": "b=c é", "order": "asc"})

    assert ids(walk(f"/data?{asked}&limit=3")) == matching
    first = get(f"/data?{asked}&limit=3")
    alone = parse_qs(urlsplit(first["next"]).query)["cursor"][0]
    assert ids(get(f"/data?{urlencode({'cursor': alone})}")["results"]) == matching[3:]
    status, problem = refused(f"/data?{urlencode({'cursor': alone, 'field.n[gt]': '3'})}")
    assert (status, problem["detail"]) == (400, "cursor: belongs to a list with another field")


def test_tags_are_all_there_or_not_there() -> None:
    tags = {"plain": None, "empty": [], "one": ["red"], "both": ["red", "hot"], "odd": ['a,"b}', "hot"]}
    for source, own in tags.items():
        event = make_event(source)
        event.tags = own
        event.save(force_insert=True)

    def sources(query: list[tuple[str, str]]) -> set[str]:
        return {each["sourceId"] for each in get(f"/data?{urlencode([*query, *SPAN])}")["results"]}

    assert sources([("tag", "red")]) == {"one", "both"}
    assert sources([("tag", "red"), ("tag", "hot")]) == {"both"}
    assert sources([("-tag", "red")]) == {"plain", "empty", "odd"}
    assert sources([("tag", "hot"), ("-tag", "red")]) == {"odd"}
    assert sources([("tag", 'a,"b}')]) == {"odd"}
    assert sources([("-tag", "red"), ("-tag", "hot")]) == {"plain", "empty"}


def test_a_projection_leaves_the_other_fields_out() -> None:
    payload = {"a": {"b": 1, "c": {"d": [2], "e": 3}}, "f.g": 4, "h,i": 5, "j": None}
    store(make_event(payload=payload))

    def shown(fields: str) -> Any:
        return get(f"/data?{urlencode({'fields': fields})}")["results"][0]["payload"]

    assert shown("a.b") == {"a": {"b": 1}}
    assert shown("a.c.d,a.c.e,f\\.g") == {"a": {"c": {"d": [2], "e": 3}}, "f.g": 4}
    assert shown("a,a.b,j") == {"a": payload["a"], "j": None}
    assert shown("a.b,a") == {"a": payload["a"]}
    assert shown("h\\,i,unknown,a.b.c") == {"h,i": 5}
    assert refused("/data?fields=j&fields=j")[1]["errors"][0]["detail"] == "fields: expected each field once"
    assert get("/data?fields=j&fields=a.b")["results"][0]["payload"] == {"a": {"b": 1}, "j": None}


def test_pages_are_named_in_the_header_link_too() -> None:
    store(*series(5))
    first = Client().get("/data?limit=2")
    second = Client().get(first.json()["next"])

    assert first.headers["Link"] == f'<{first.json()["next"]}>; rel="next"'
    assert second.headers["Link"] == f'<{second.json()["next"]}>; rel="next", <{second.json()["previous"]}>; rel="prev"'
    assert "Link" not in Client().get("/data?limit=9").headers


def test_a_count_is_exact_or_says_that_it_is_estimated() -> None:
    store(*series(50), *series(9, source_id="other"))

    assert "count" not in get("/data")
    assert get("/data?count=exact&source_id=other&limit=2")["count"] == {"value": 9, "kind": "exact"}
    assert get("/data?count=exact&source_id=sensor-1&field.temperature[gt]=1&limit=2")["count"]["value"] == 50
    estimated = get("/data?count=estimated&limit=2")["count"]
    assert estimated["kind"] == "estimated"
    assert isinstance(estimated["value"], int)


INJECTIONS = [
    "'; DROP TABLE events; --",
    "%s",
    "%(a)s",
    "a'b",
    '"',
    "{a,b}",
    "a}'::text[]",
    "$where",
    "a__gt",
    "::jsonb",
    "\\'",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_of_a_filter_becomes_sql(text: str) -> None:
    payload = {text: text}
    store(make_event("own", payload=payload), make_event("other", payload={"a": 1}))
    path = text.replace("\\", "\\\\").replace(".", "\\.").replace("[", "\\[").replace("]", "\\]")

    assert found(f"field.{path}", json.dumps(text)) == {"own"}
    assert found(f"field.{path}[contains]", json.dumps(text)) == {"own"}
    assert Event.objects.count() == 2


def test_patterns_and_several_sources_are_merged_in_order_of_time() -> None:
    events = [make_event(f"hall-{n % 3}", ts=NOON + timedelta(seconds=n)) for n in range(9)]
    stored = store(*events, make_event("yard", ts=NOON + timedelta(seconds=100)))
    for source in ("hall-0", "hall-1", "hall-2", "yard"):
        account(source)

    assert ids(walk("/data?source_id=hall-*&limit=2&order=asc")) == stored[:9]
    assert ids(walk("/data?source_id=hall-0&source_id=yard&limit=2")) == [stored[9], stored[6], stored[3], stored[0]]
    assert ids(get("/data?source_id=hal*&source_id=hall-1&limit=50&order=asc")["results"]) == stored[:9]
    assert get("/data?source_id=unknown*")["results"] == []
