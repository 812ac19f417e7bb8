"""The admin's lists and pages, on rows written straight into a clean database."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import unquote as percent_decoded
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.utils import unquote
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deploy.testing.deployment import Deployment
from ingestion.admin import KeyAdmin
from ingestion.auth import api_keys
from ingestion.models import Key
from processing.admin import EventAdmin, SourceState, state_of
from processing.admin.event_keys import event_key
from processing.dead_letters import hexdump
from processing.models import DeadLetter, Event, Job, LatestValue, SourceStatistics
from processing.tests.admin_pages import INLINE, operator, text
from processing.tests.stored_rows import raw_topic

EARLY = datetime(2009, 3, 1, tzinfo=UTC)  # in the partition that every database has from the start


@pytest.fixture(name="site")
def _site(emptied_site: Deployment) -> Deployment:
    return emptied_site


def test_a_source_is_live_then_late_then_silent() -> None:
    seen = datetime(2026, 1, 1, tzinfo=UTC)

    states = [state_of(seen, now=seen + timedelta(minutes=minutes)) for minutes in (0, 1, 2, 10, 11)]

    assert states == ["live", "live", "late", "late", "silent"]
    assert set(states) == set(SourceState)


def test_text_keeps_what_can_be_read_and_escapes_the_rest() -> None:
    shown = hexdump.as_text(b'{"a":"\xc3\xa9"}\n\x00\xff\xe2\x80\xae')

    assert shown == '{"a":"é"}\n\\x00\\xff\\u202e'


def test_hexadecimal_is_needed_only_for_what_text_hides() -> None:
    assert not hexdump.needs_hex("plain é\n".encode())
    assert hexdump.needs_hex(b"\x00")
    assert hexdump.needs_hex(b"\xff")


def test_long_bytes_are_cut_and_the_rest_is_counted() -> None:
    raw = b"x" * (hexdump.TEXT_SHOWN + 5)

    assert hexdump.as_text(raw).endswith("… and 5 bytes more")
    assert hexdump.as_hex(raw).count("\n") == hexdump.HEX_SHOWN // hexdump.HEX_COLUMNS


@pytest.mark.services
def test_the_admin_passes_djangos_checks(site: Deployment) -> None:
    call_command("check", tags=["admin", "models", "templates"])


@pytest.mark.services
def test_a_stranger_is_sent_to_the_sign_in_page(site: Deployment) -> None:
    answer = Client().get("/admin/processing/event/")

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login/")


@pytest.mark.services
def test_a_source_shows_its_state_counts_and_latest_values(site: Deployment) -> None:
    make_source("sensor-1", seen=timezone.now(), stored=41)
    LatestValue.objects.create(source_id="sensor-1", field="temperature", value=23.5, ts=EARLY, event_id=uuid4())

    page = text(operator().get("/admin/processing/sourcestatistics/sensor-1/change/"))

    assert "live" in page
    assert "41" in page
    assert "temperature: 23.5 (2009-03-01T00:00:00.000000Z)" in page


@pytest.mark.services
def test_times_are_shown_to_the_second(site: Deployment) -> None:
    make_source("sensor-1", seen=datetime(2026, 1, 2, 15, 4, 5, tzinfo=UTC), stored=1)

    page = text(operator().get("/admin/processing/sourcestatistics/"))

    assert "2026-01-02 15:04:05" in page


@pytest.mark.services
def test_no_list_offers_counts_without_a_bound(site: Deployment) -> None:
    client = operator()

    pages = [text(client.get(f"/admin/processing/{model}/?_facets=True")) for model in ("event", "deadletter")]

    assert not any("Show counts" in page or "Hide counts" in page for page in pages)


@pytest.mark.services
def test_sources_are_filtered_by_state(site: Deployment) -> None:
    make_source("awake", seen=timezone.now(), stored=1)
    make_source("asleep", seen=timezone.now() - timedelta(days=1), stored=1)

    page = text(operator().get("/admin/processing/sourcestatistics/?state=silent"))

    assert "asleep" in page
    assert "awake" not in page


@pytest.mark.services
def test_lines_without_a_readable_source_are_listed_without_a_link(site: Deployment) -> None:
    make_source("", seen=timezone.now(), stored=0)

    page = text(operator().get("/admin/processing/sourcestatistics/"))

    assert "(lines whose source can&#x27;t be read)" in page


@pytest.mark.services
def test_an_id_shared_by_two_sources_leads_to_two_pages(site: Deployment) -> None:
    shared = uuid4()
    one = make_event("sensor-1", event_id=shared, payload={"colour": "scarlet"})
    other = make_event("sensor-2", event_id=shared, payload={"colour": "turquoise"})
    client = operator()

    links = re.findall(r'href="(/admin/processing/event/[^"]+/change/)"', text(client.get("/admin/processing/event/")))
    pages = [text(client.get(link)) for link in links]

    assert len(set(links)) == 2
    assert event_key(one) != event_key(other)
    assert sum("scarlet" in page for page in pages) == 1
    assert sum("turquoise" in page for page in pages) == 1


@pytest.mark.services
@pytest.mark.parametrize("text_in_address", ["nothing", "a|b|c", f"{UUID(int=1)}|99999999999999999999|sensor-1"])
def test_an_address_of_no_event_leads_back(site: Deployment, text_in_address: str) -> None:
    answer = operator().get(f"/admin/processing/event/{text_in_address}/change/")

    assert answer.status_code == 302


@pytest.mark.services
def test_events_are_filtered_by_source_and_time(site: Deployment) -> None:
    make_event("sensor-1", at=EARLY)
    make_event("sensor-1", at=EARLY + timedelta(hours=1))
    make_event("sensor-2", at=EARLY)

    query = "?source=sensor-1&from=2009-03-01T00:00:00&until=2009-03-01T01:00:00"
    page = text(operator().get(f"/admin/processing/event/{query}"))

    assert page.count("/change/") == 1
    assert 'name="source" value="sensor-1"' in page


@pytest.mark.services
def test_a_list_goes_on_and_back_by_cursor_through_equal_times_and_counts_nothing(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventAdmin, "list_per_page", 3)
    shared = uuid4()
    made = [make_event("sensor-1", at=EARLY) for _ in range(4)]
    made += [make_event(f"sensor-{number}", at=EARLY, event_id=shared) for number in range(3)]
    client = operator()

    for order in ("", "o=2"):
        with CaptureQueriesContext(connection) as queries:
            pages = walk(client, f"/admin/processing/event/?{order}", "next")
        back = walk(client, pages[-1][0], "prev")
        seen = [key for _, keys in pages for key in keys]
        assert len(seen) == len(made)
        assert set(seen) == {event_key(each) for each in made}
        assert [keys for _, keys in back][-1] == pages[0][1]
        assert not any("COUNT(" in query["sql"] for query in queries if '"events"' in query["sql"])


@pytest.mark.services
@pytest.mark.parametrize("cursor", ["after.", "after.x", "after.WzFd", "before.WyIwIiwiXHUwMDAwIiwiYSJd", "7"])
def test_a_cursor_of_no_list_leads_to_the_first_page(site: Deployment, cursor: str) -> None:
    make_event("sensor-1")

    answer = operator().get(f"/admin/processing/event/?p={cursor}", follow=True)

    assert "sensor-1" in text(answer)


@pytest.mark.services
def test_rows_without_a_time_are_in_a_list_sorted_by_it_once(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyAdmin, "list_per_page", 2)
    for number in range(5):
        key, _ = api_keys.create(f"client-{number}", ["read"])
        Key.objects.filter(pk=key.pk).update(last_used_at=EARLY + timedelta(days=number) if number % 2 else None)
    column, client = KeyAdmin.list_display.index("used") + 1, operator()  # behind the boxes to tick

    for sign in ("", "-"):
        pages = walk(client, f"/admin/ingestion/key/?o={sign}{column}", "next")
        assert sorted(key for _, keys in pages for key in keys) == sorted(str(each.pk) for each in Key.objects.all())


@pytest.mark.services
def test_a_list_that_takes_too_long_says_what_to_do(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Event.objects.extra(where=["pg_sleep(0.2) IS NOT NULL"])
    make_event("sensor-1")
    monkeypatch.setattr(EventAdmin, "get_queryset", lambda *_: slow)

    def impatiently(execute: Callable[..., object], sql: str, *rest: Any) -> object:
        if '"events"' not in sql:
            return execute(sql, *rest)
        execute("SET statement_timeout = 100", None, *rest[1:])
        try:
            return execute(sql, *rest)
        finally:
            execute("RESET statement_timeout", None, *rest[1:])

    client = operator()
    with connection.execute_wrapper(impatiently):
        page = text(client.get("/admin/processing/event/"))

    assert "PostgreSQL took too long" in page


@pytest.mark.services
def test_the_list_of_events_is_read_in_the_order_of_an_index(site: Deployment) -> None:
    made = [make_event("sensor-1", at=EARLY + timedelta(seconds=number)) for number in range(120)]
    client = operator()
    following = re.search(r'href="([^"]*)" rel="next"', text(client.get("/admin/processing/event/")))
    assert following
    assert made

    for path in ("", following[1]):
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/admin/processing/event/{path}")
        listing = next(query["sql"] for query in queries if "LIMIT 51" in query["sql"])
        with connection.cursor() as cursor:
            # Otherwise sorting so few rows is cheaper.
            cursor.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
            cursor.execute("EXPLAIN " + listing)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            cursor.execute("RESET enable_seqscan; RESET enable_sort; RESET enable_bitmapscan")
        assert "ts_idx" in plan or "events_ts" in plan
        assert "Incremental Sort" in plan
        assert ("Index Cond" in plan) is bool(path)


@pytest.mark.services
@pytest.mark.parametrize("model", ["sourcestatistics", "event", "deadletter"])
def test_nothing_can_be_added_changed_or_deleted(site: Deployment, model: str) -> None:
    make_source("sensor-1", seen=timezone.now(), stored=1)
    event = make_event("sensor-1")
    letter = make_letter(b"x")
    key = {"sourcestatistics": "sensor-1", "event": event_key(event), "deadletter": str(letter.pk)}[model]
    client = operator()

    assert client.get(f"/admin/processing/{model}/add/").status_code == 403
    assert client.post(f"/admin/processing/{model}/{key}/change/", {"state": "parked"}).status_code == 403
    assert client.post(f"/admin/processing/{model}/{key}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.services
def test_pages_of_the_admin_carry_no_inline_code(site: Deployment) -> None:
    make_source("sensor-1", seen=timezone.now(), stored=1)
    event = make_event("sensor-1", payload={"a": 1})
    make_letter(b"\xff")
    client = operator()
    paths = [
        *("", "processing/sourcestatistics/", "processing/event/?source=sensor-1", "processing/deadletter/"),
        *("processing/sourcestatistics/sensor-1/change/", f"processing/event/{event_key(event)}/change/"),
    ]

    pages = {path: text(client.get(f"/admin/{path}")) for path in paths}

    assert {path: INLINE.findall(page) for path, page in pages.items()} == {path: [] for path in paths}


@pytest.mark.services
def test_the_list_of_jobs_leads_to_the_page_of_each(site: Deployment) -> None:
    now, arguments = timezone.now(), {"selection": {"reason": "not_json"}, "note": ""}
    job = Job.objects.create(
        kind="redrive", arguments=arguments, state="running", who="ann", created_at=now, heartbeat=now, total=20, done=6
    )
    client = operator()

    listed = text(client.get("/admin/processing/job/"))
    answer = client.get(f"/admin/processing/job/{job.pk}/change/")

    assert "6 of 20" in listed
    assert f'href="/jobs/{job.pk}/"' in listed
    assert answer.headers["Location"] == f"/jobs/{job.pk}/"


def walk(client: Client, address: str, relation: str) -> list[tuple[str, list[str]]]:
    """Return the addresses and the keys of the rows of this page of a list, and of those that follow."""
    found, path = [], address.partition("?")[0]
    while address:
        page = text(client.get(address))
        rows = page[page.index('id="result_list"') :]
        keys = list(dict.fromkeys(re.findall(rf'href="{path}([^"]+)/change/', rows)))
        found.append((address, [unquote(percent_decoded(key)) for key in keys]))
        link = re.search(rf'href="([^"]*)" rel="{relation}"', rows)
        address = path + unescape(link[1]) if link else ""
    return found


def make_source(source_id: str, *, seen: datetime, stored: int) -> SourceStatistics:
    return SourceStatistics.objects.create(
        source_id=source_id, first_seen=seen, last_seen=seen, read=stored, stored=stored
    )


def make_event(
    source_id: str, *, event_id: UUID | None = None, at: datetime = EARLY, payload: dict[str, object] | None = None
) -> Event:
    return Event.objects.create(
        id=event_id or uuid4(),
        source_id=source_id,
        ts=at,
        received=at,
        stored=at,
        payload=payload or {},
        topic=raw_topic(),
        partition=0,
        offset=0,
        line=0,
        content_hash=0,
    )


def make_letter(raw: bytes) -> DeadLetter:
    return DeadLetter.objects.create(
        topic=raw_topic(),
        partition=2,
        offset=7,
        line=1,
        raw=raw,
        reason="not_json",
        detail="the text is not JSON",
        stage="decode",
        received=EARLY,
        first_seen=EARLY,
        last_seen=EARLY,
        fingerprint="f",
    )
