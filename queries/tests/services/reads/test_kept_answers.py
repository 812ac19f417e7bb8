"""Kept answers are used again, and are never stale: whatever changes what they are about, the next answer is right."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection

from deploy.testing.deployment import Deployment
from ingestion.models import Source
from processing.logic.content import Content, UnitContent
from processing.logic.revisions import saving
from processing.logic.revisions.rows import NO_LOGIC
from processing.models import ChangeMark, Event
from processing.stores import change_marks
from processing.tests.packing import pack
from queries.reads import cache, kept_answers
from queries.tests.consumed import consume

pytestmark = pytest.mark.services

# Long past, so that answers are kept for long.
DAY = datetime(2026, 3, 1, tzinfo=UTC)
SPAN = {"start_time": "2026-03-01T06:00:00Z", "end_time": "2026-03-01T12:00:00Z"}
ADDRESSES = {
    "events": f"/data?{urlencode({'source_id': 'a', **SPAN})}",
    "of all": f"/data?{urlencode({'limit': '1000', **SPAN})}",
    "of patterns": f"/api/data/?{urlencode({'source_id': 'a*', **SPAN})}",
    "filtered": f"/data?{urlencode({'source_id': 'a', 'field.x[gte]': '0', **SPAN})}",
    "hours": f"/api/data/aggregate/?{urlencode({'source_id': 'a', 'interval': '1h', **SPAN})}",
    "day": f"/api/data/aggregate/?{urlencode({'interval': '1d', 'tz': 'Asia/Kolkata', 'group': 'field', **SPAN})}",
    "percentiles": f"/api/data/aggregate/?{urlencode({'source_id': 'a', 'agg': 'p50', **SPAN})}",
    "chart": f"/api/series/?{urlencode({'source_id': 'a', 'from': SPAN['start_time'], 'to': SPAN['end_time']})}",
}


def event(source: str, at: datetime, **payload: object) -> bytes:
    return json.dumps({"sourceId": source, "timestamp": at.isoformat(), "payload": payload or {"x": 1}}).encode()


def ask(address: str, **headers: str) -> Any:
    answer = Client().get(address, headers=headers)
    assert answer.status_code == 200, answer.content
    return answer


def anew(address: str) -> Any:
    """Return the answer as it is without anything kept."""
    redis = get_redis_connection("default")
    redis.delete(*redis.scan_iter(f"{cache.PREFIX}*"))
    answer = ask(address)
    assert answer.headers["X-Cache"] == "miss"
    return answer.json()


@pytest.fixture(autouse=True)
def _patient(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for Redis as long as a loaded machine takes."""
    options = {**settings.CACHES["default"]["OPTIONS"], "SOCKET_TIMEOUT": 20.0, "SOCKET_CONNECT_TIMEOUT": 20.0}
    settings.CACHES = {"default": {**settings.CACHES["default"], "OPTIONS": options}}
    monkeypatch.setattr(cache, "TOO_SLOW", 20.0)
    monkeypatch.setattr(cache, "_paused_until", 0.0)


@pytest.fixture
def stored(site: Deployment) -> None:
    consume([event(source, DAY + timedelta(hours=hour), x=hour) for source in ("a", "b") for hour in range(24)])


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_an_answer_is_kept_and_used_again(stored: None, address: str) -> None:
    first = ask(address)
    again = ask(address)

    assert (first.headers["X-Cache"], again.headers["X-Cache"]) == ("miss", "hit")
    assert again.content == first.content
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers.get("Link") == first.headers.get("Link")
    assert first.headers["Cache-Control"] == "private, no-cache"


def _late() -> None:
    consume([event("a", DAY + timedelta(hours=7, minutes=30), x=70)])


def _new_field() -> None:
    consume([event("a", DAY + timedelta(hours=8, minutes=1), y=3)])


def _without_numbers() -> None:
    consume([event("a", DAY + timedelta(hours=9, minutes=1), word="w")])


def _many_hours() -> None:
    most = change_marks.MOST_HOURS
    consume([event("a", DAY + timedelta(hours=8, minutes=3) - timedelta(hours=n), x=9) for n in range(most + 5)])


def _deleted() -> None:
    Event.objects.filter(source_id="a", ts=DAY + timedelta(hours=10)).delete()


def _updated() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events SET payload = '{\"x\": -4}' WHERE source_id = 'a' AND ts = %s", [DAY + timedelta(hours=11)]
        )


CHANGES: dict[str, Callable[[], None]] = {
    "a late event": _late,
    "a new field": _new_field,
    "an event without numbers": _without_numbers,
    "scattered history": _many_hours,
    "a deleted row": _deleted,
    "a changed row": _updated,
}


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_the_next_answer_is_right(stored: None, change: str) -> None:
    before = {name: ask(address).json() for name, address in ADDRESSES.items()}
    CHANGES[change]()

    for name, address in ADDRESSES.items():
        answer = ask(address)

        assert answer.headers["X-Cache"] == "miss", name
        assert answer.json() == anew(address), name
        assert ask(address).headers["X-Cache"] == "hit", name
        if name in {"events", "of all", "of patterns"}:
            assert answer.json() != before[name]


def test_changes_of_other_hours_and_other_sources_leave_an_answer(stored: None) -> None:
    for address in ADDRESSES.values():
        ask(address)
    consume([event("a", DAY + timedelta(hours=15, minutes=5), x=2), event("c", DAY + timedelta(days=3), x=1)])

    states = {name: ask(address).headers["X-Cache"] for name, address in ADDRESSES.items()}

    # The day of Kolkata has that hour; a new series is news for sums over all sources.
    assert states == {**dict.fromkeys(ADDRESSES, "hit"), "day": "miss", "of all": "miss"}
    consume([event("b", DAY + timedelta(hours=8, minutes=5), x=2)])
    states = {name: ask(address).headers["X-Cache"] for name, address in ADDRESSES.items()}
    assert states == {**dict.fromkeys(ADDRESSES, "hit"), "day": "miss", "of all": "miss"}


def test_labels_and_missing_rollups_change_what_is_said_of_a_source(stored: None) -> None:
    address = ADDRESSES["chart"]
    assert ask(address).json()["series"][0]["unit"] is None

    Source.objects.filter(source_id="a").update(labels={"unit": "K"})
    assert ask(address).json()["series"][0]["unit"] == "K"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE source_statistics SET rollups_cut_at = now() WHERE source_id = 'a'")
    assert ask(address).json()["incomplete"] == [{"sourceId": "a", "reason": "rollups_cut"}]
    assert ask(address).headers["X-Cache"] == "hit"


def test_units_that_the_logic_declares_change_what_is_said_of_a_field(stored: None) -> None:
    address = ADDRESSES["chart"]
    assert [ask(address).json()["series"][0]["unit"] for _ in range(2)] == [None, None]

    for number, unit in enumerate(("degC", "K")):
        units = [UnitContent(sources="*", field="x", unit=unit)]
        saving.save(Content(units=units), base=number, who="ann", reason="", activate=True)
        assert ask(address).json()["series"][0]["unit"] == unit
        assert ask(address).headers["X-Cache"] == "hit"
    saving.activate(1, who="ann", reason="", expected=2)
    assert ask(address).json()["series"][0]["unit"] == "degC"
    saving.activate(NO_LOGIC, who="ann", reason="", expected=1)
    assert ask(address).json()["series"][0]["unit"] is None


@pytest.mark.parametrize(
    "address",
    [
        "/data?start_time=0001-01-01",
        "/api/data/aggregate/?start_time=0001-01-01&interval=1M",
        "/api/data/aggregate/?start_time=0001-01-01&end_time=0001-01-02",
        "/api/series/?from=0001-01-01&to=0001-01-02",
    ],
)
def test_the_first_times_of_the_calendar_can_be_asked_for_again(stored: None, address: str) -> None:
    assert [ask(address).headers["X-Cache"] for _ in range(2)] == ["miss", "hit"]


def test_a_source_that_is_new_or_gone_changes_what_is_said_of_it(stored: None) -> None:
    percentiles = (
        f"/api/data/aggregate/?{urlencode({'agg': 'p95', 'field': 'x', 'fill': 'null', 'interval': '1d', **SPAN})}"
    )
    Source.objects.filter(source_id="a").update(labels={"unit": "K"})
    assert ask(ADDRESSES["chart"]).json()["series"][0]["unit"] == "K"
    assert {each["sourceId"] for each in ask(percentiles).json()["results"]} == {"a", "b"}

    Source.objects.filter(source_id="a").delete()
    consume([event("quiet", DAY + timedelta(days=9), word="w")])

    assert ask(ADDRESSES["chart"]).json()["series"][0]["unit"] is None
    assert {each["sourceId"] for each in ask(percentiles).json()["results"]} == {"a", "b", "quiet"}


def test_packing_changes_no_answer(stored: None) -> None:
    before = {name: ask(address).json() for name, address in ADDRESSES.items()}
    pack()

    for name, address in ADDRESSES.items():
        assert ask(address).json() == before[name]
        assert anew(address) == before[name]


def test_a_rebuilt_hour_is_read_anew(stored: None) -> None:
    for address in ADDRESSES.values():
        ask(address)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        cursor.execute("DELETE FROM events WHERE source_id = 'a' AND ts = %s", [DAY + timedelta(hours=10)])
        cursor.execute("ALTER TABLE events ENABLE TRIGGER ALL")
    assert ask(ADDRESSES["events"]).headers["X-Cache"] == "hit"

    call_command("rebuild_rows", stdout=io.StringIO())

    assert ask(ADDRESSES["events"]).headers["X-Cache"] == "miss"
    assert len(ask(ADDRESSES["events"]).json()["results"]) == 6


def test_a_commit_that_is_under_way_when_an_answer_is_read_is_not_missed(stored: None) -> None:
    address = ADDRESSES["events"]
    with transaction.atomic():
        _deleted()
        # Another connection, which does not see it yet.
        before = _elsewhere(address)
    after = ask(address)

    assert (before["state"], len(before["results"])) == ("miss", 6)
    assert (after.headers["X-Cache"], len(after.json()["results"])) == ("miss", 5)


def _elsewhere(address: str) -> dict[str, Any]:
    def read() -> dict[str, Any]:
        answer = ask(address)
        connection.close()
        return {**answer.json(), "state": answer.headers["X-Cache"]}

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(read).result()


def test_an_answer_of_a_server_with_another_past_is_not_used(stored: None, monkeypatch: pytest.MonkeyPatch) -> None:
    address = ADDRESSES["events"]
    ask(address)
    monkeypatch.setattr(kept_answers, "_NOW", kept_answers._NOW.replace("left(", "'x' || left("))

    assert ask(address).headers["X-Cache"] == "miss"


def test_a_snapshot_of_the_future_is_not_believed(stored: None, monkeypatch: pytest.MonkeyPatch) -> None:
    address = ADDRESSES["events"]
    monkeypatch.setattr(
        kept_answers, "_NOW", kept_answers._NOW.replace("pg_current_snapshot()::text", "'99999999:99999999:'")
    )
    ask(address)

    assert ask(address).headers["X-Cache"] == "miss"


def test_an_answer_that_touches_now_lasts_two_seconds_and_one_about_the_past_an_hour(
    stored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    recent = f"/data?{urlencode({'source_id': 'a'})}"
    for address in (recent, ADDRESSES["events"]):
        ask(address)
    monkeypatch.setattr(
        kept_answers, "_NOW", kept_answers._NOW.replace("epoch FROM now()", "epoch FROM now() + interval '3 s'")
    )
    assert ask(recent).headers["X-Cache"] == "miss"
    assert ask(ADDRESSES["events"]).headers["X-Cache"] == "hit"
    monkeypatch.setattr(kept_answers, "_NOW", kept_answers._NOW.replace("3 s", "1 hour"))
    assert ask(ADDRESSES["events"]).headers["X-Cache"] == "miss"


def test_a_range_that_moves_with_the_clock_is_not_kept_for_long(stored: None, monkeypatch: pytest.MonkeyPatch) -> None:
    chart = "/api/series/?source_id=a&from=now-30d&to=now-2d"
    ask(chart)
    assert ask(chart).headers["X-Cache"] == "hit"
    monkeypatch.setattr(
        kept_answers, "_NOW", kept_answers._NOW.replace("epoch FROM now()", "epoch FROM now() + interval '3 s'")
    )
    assert ask(chart).headers["X-Cache"] == "miss"


def test_old_marks_are_forgotten_only_when_no_answer_needs_them(stored: None) -> None:
    assert ChangeMark.objects.count() > 40
    with connection.cursor() as cursor:
        change_marks.forget(cursor)
        assert ChangeMark.objects.count() > 40
        cursor.execute("UPDATE change_mark SET marked = now() - interval '2 hours 1 second' WHERE source_id = 'a'")
        change_marks.forget(cursor)

    assert set(ChangeMark.objects.values_list("source_id", flat=True)) == {"b"}
    assert kept_answers.PAST_KEPT < change_marks.MARKS_LAST


def test_who_has_the_answer_already_is_told_so(stored: None) -> None:
    address = ADDRESSES["hours"]
    etag = ask(address).headers["ETag"]

    for asked in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = Client().get(address, headers={"If-None-Match": asked})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    assert Client().get(address, headers={"If-None-Match": '"other"'}).status_code == 200
    _late()
    assert Client().get(address, headers={"If-None-Match": etag}).status_code == 200


def test_without_redis_answers_are_right_and_not_kept(stored: None, settings: Any) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}

    for _ in range(2):
        for address in ADDRESSES.values():
            answer = ask(address)
            assert answer.headers["X-Cache"] == "bypass"
            assert answer.json()


def test_a_hit_takes_one_statement(stored: None) -> None:
    for name in ("events", "of all", "hours", "chart"):
        ask(ADDRESSES[name])
        with CaptureQueriesContext(connection) as captured:
            assert ask(ADDRESSES[name]).headers["X-Cache"] == "hit"
        assert len(captured) == 1, name


def test_a_page_for_people_shows_the_kept_answer(stored: None) -> None:
    ask(ADDRESSES["of patterns"])

    page = ask(ADDRESSES["of patterns"], accept="text/html")

    assert page.headers["X-Cache"] == "hit"
    assert "text/html" in page.headers["Content-Type"]
    assert "ETag" not in page.headers
