"""GET /data: order, pages, filters, values."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from deploy.testing.deployment import Deployment
from processing.stores import month_partitions, postgres
from queries.tests.stored import NOON, get, ids, make_event, refused, series, store, store_text, walk

LONGEST = 8 * 1024  # bytes of an address that the server takes

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]


@pytest.fixture
def other_connection(site: Deployment) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=settings.POSTGRES_HOST,
        port=settings.POSTGRES_PORT,
        user=settings.POSTGRES_USER,
        password=settings.POSTGRES_PASSWORD,
        dbname=site.name,
    )


def test_an_event_comes_out_as_documented() -> None:
    event = make_event("sensor-123", ts=NOON + timedelta(microseconds=120), payload={"temperature": 23.5})
    store(event)

    page = get("/data?source_id=sensor-123")

    assert page["next"] is None
    assert page["previous"] is None
    [shown] = page["results"]
    assert shown.pop("storedAt").endswith("Z")
    assert shown == {
        "eventId": str(event.id),
        "sourceId": "sensor-123",
        "timestamp": "2009-04-11T12:00:00.000120Z",
        "receivedAt": "2009-04-11T12:00:00Z",
        "payload": {"temperature": 23.5},
        "tags": [],
    }


def test_the_newest_come_first_unless_told_otherwise() -> None:
    stored = store(*series(5))

    assert ids(get("/data")["results"]) == stored[::-1]
    assert ids(get("/data?order=desc")["results"]) == stored[::-1]
    assert ids(get("/data?order=asc")["results"]) == stored


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_show_each_event_once_even_where_times_are_equal(order: str) -> None:
    stored = store(*[make_event(f"sensor-{n % 3}", ts=NOON + timedelta(seconds=n // 4)) for n in range(10)])

    for limit in (1, 2, 3, 7, 10):
        shown = walk(f"/data?order={order}&limit={limit}")

        keys = [(event["timestamp"], event["sourceId"], event["eventId"]) for event in shown]
        assert keys == sorted(keys, reverse=order == "desc")
        assert sorted(ids(shown)) == sorted(stored)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_previous_leads_back_over_the_same_pages(order: str) -> None:
    store(*series(7))
    pages = [get(f"/data?order={order}&limit=3")]
    while pages[-1]["next"]:
        pages.append(get(pages[-1]["next"]))

    back = [pages[-1]]
    while back[-1]["previous"]:
        back.append(get(back[-1]["previous"]))

    assert [ids(page["results"]) for page in back] == [ids(page["results"]) for page in reversed(pages)]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_events_stored_after_the_first_page_do_not_appear(order: str) -> None:
    stored = store(*series(9, step=timedelta(minutes=1)))
    first = get(f"/data?order={order}&limit=2")

    # Between all of them, so that some come before and some after each page that follows.
    store(*[make_event(ts=NOON + timedelta(seconds=30 * n)) for n in range(-5, 30)])
    rest = walk(first["next"])

    assert sorted(ids(first["results"]) + ids(rest)) == sorted(stored)


def test_pages_stay_exact_while_others_store_without_pause(
    other_connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    stored = store(*series(200, step=timedelta(milliseconds=7)))
    copied = (
        "INSERT INTO events SELECT source_id, ts + interval '3 ms', gen_random_uuid(), received, now(), payload, "
        'content_hash, "offset", partition, line, topic_id, tags FROM events WHERE tags IS NULL ORDER BY random() LIMIT 20'
    )
    done = threading.Event()

    def write() -> int:
        rounds = 0
        while not done.is_set():
            with other_connection.transaction():
                other_connection.execute(copied)
            rounds += 1
        return rounds

    with other_connection, ThreadPoolExecutor(1) as pool:
        first = get("/data?limit=5")
        before = get("/data?limit=1000")["results"]
        writing = pool.submit(write)
        try:
            shown = ids(first["results"] + walk(first["next"]))
        finally:
            done.set()

    assert writing.result() > 0
    assert shown == stored[::-1] == ids(before)


def test_a_commit_in_progress_at_the_first_page_is_not_part_of_the_list(
    other_connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    stored = store(*series(4))
    with other_connection as writing:
        writing.execute(
            "INSERT INTO events SELECT source_id, ts + interval '1 ms', gen_random_uuid(), received, stored, payload, "
            'content_hash, "offset", partition, line, topic_id, tags FROM events'
        )
        first = get("/data?order=asc&limit=2")
    rest = walk(first["next"])

    assert ids(first["results"] + rest) == stored
    assert len(get("/data")["results"]) == 8


def test_a_consumer_whose_clock_is_ahead_loses_nothing_from_the_pages() -> None:
    events = series(6)
    for event in events:
        event.stored += timedelta(days=1)
    stored = store(*events)

    assert ids(walk("/data?order=asc&limit=2")) == stored


def test_time_filters_include_their_start_and_not_their_end() -> None:
    stored = store(*series(10))
    span = urlencode({"start_time": "2009-04-11T14:00:02+02:00", "end_time": "2009-04-11T12:00:05Z"})

    assert ids(get(f"/data?order=asc&{span}")["results"]) == stored[2:5]
    assert ids(walk(f"/data?order=asc&limit=1&{span}")) == stored[2:5]


def test_a_source_is_filtered_by_either_name_of_the_parameter() -> None:
    store(*series(3, source_id="other"))
    stored = store(*series(3, source_id="sensor-1"))

    assert ids(walk("/data?source_id=sensor-1&limit=2&order=asc")) == stored
    assert ids(walk("/data?sourceId=sensor-1&limit=2&order=asc")) == stored
    assert ids(get("/api/data/?source_id=sensor-1&order=asc")["results"]) == stored


def test_pages_go_over_the_borders_of_partitions() -> None:
    with postgres.connect() as owner:
        month_partitions.ensure(owner, month_partitions.months([18_262, 18_300, 18_340]))
    stored = store(*[make_event(ts=NOON.replace(year=2020, month=1, day=15) + timedelta(days=5 * n)) for n in range(9)])

    assert ids(walk("/data?order=asc&limit=2")) == stored
    assert ids(walk("/data?limit=2")) == stored[::-1]


def test_an_offset_skips_and_goes_on_by_cursor() -> None:
    stored = store(*series(8))

    page = get("/data?order=asc&limit=3&offset=2")

    assert ids(page["results"]) == stored[2:5]
    assert ids(walk(page["next"])) == stored[5:]
    assert ids(get(page["previous"])["results"]) == stored[:2]


def test_a_cursor_alone_carries_its_list() -> None:
    stored = store(*series(5, source_id="sensor-1"))
    store(*series(5, source_id="other"))
    following = get("/data?source_id=sensor-1&order=asc&limit=2")["next"]
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]

    assert ids(get(f"/data?{urlencode({'cursor': cursor})}")["results"]) == stored[2:]


def test_the_next_page_of_a_long_query_has_no_longer_address() -> None:
    sources = [f"plant-{number:03}.{uuid4()}" for number in range(140)]
    store(*(make_event(source) for source in sources))

    first = f"/data?{urlencode([('source_id', source) for source in sources])}"
    page = get(f"{first}&limit=100")

    assert len(page["next"]) < LONGEST
    assert len(first) < LONGEST
    assert len(get(page["next"])["results"]) == 40


def test_a_changed_cursor_is_refused() -> None:
    store(*series(5))
    following = get("/data?limit=2")["next"]
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]

    for other in (cursor[:-1], cursor + "A", "A" + cursor, cursor.swapcase(), "null", "ü", ":"):
        status, problem = refused(f"/data?{urlencode({'cursor': other})}")
        assert (status, problem["code"]) == (400, "invalid_parameter")


def test_a_cursor_of_another_list_is_refused() -> None:
    store(*series(5))
    following = get("/data?limit=2")["next"]
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]

    assert refused(f"/data?{urlencode({'cursor': cursor, 'order': 'asc'})}")[0] == 400
    assert refused(f"/data?{urlencode({'cursor': cursor, 'source_id': 'other'})}")[0] == 400
    assert refused(f"/data?{urlencode({'cursor': cursor, 'offset': '1'})}")[0] == 400
    assert refused(f"/api/sources/?{urlencode({'cursor': cursor})}")[0] == 400


VALUES: list[tuple[str, object]] = [
    ("9223372036854775807", 9223372036854775807),
    ("-9223372036854775808", -9223372036854775808),
    ("9007199254740993", 9007199254740993),
    ("1e300", 1e300),
    ("1e20", 1e20),
    ("5e-324", 5e-324),
    ("1.7976931348623157e308", 1.7976931348623157e308),
    ("0.1", 0.1),
    ("23.50", 23.5),
    ('"\\u00e9\\ud83d\\ude00"', "é😀"),
    ("[true, null, {}]", [True, None, {}]),
]


def test_values_come_out_as_they_went_in() -> None:
    for number, (text, _) in enumerate(VALUES):
        store_text(f'{{"value": {text}}}', source_id=f"source-{number:02}")

    # All at one time, so the list is by source.
    shown = [event["payload"]["value"] for event in get("/data?order=asc")["results"]]

    assert shown == [value for _, value in VALUES]
    assert [type(value) for value in shown] == [type(value) for _, value in VALUES]


def test_a_page_takes_one_statement_however_many_events_it_has() -> None:
    store(*series(50))

    with CaptureQueriesContext(connection) as captured:
        get("/data?limit=50")

    # The other one is for keeping the page.
    assert len(captured) == 2


def test_head_and_options_are_answered() -> None:
    store(*series(1))

    head, options = Client().head("/data"), Client().options("/data")

    assert (head.status_code, head.content) == (200, b"")
    assert options.status_code == 200
    assert options.json()["name"] == "Data"


def test_a_browser_gets_a_page_and_everyone_else_json() -> None:
    store(*series(1))

    assert "text/html" in Client().get("/api/data/", headers={"accept": "text/html"}).headers["Content-Type"]
    assert Client().get("/api/data/", headers={"accept": "*/*"}).headers["Content-Type"] == "application/json"
    assert Client().get("/api/data/").headers["Content-Type"] == "application/json"
