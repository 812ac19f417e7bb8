"""How much a source has sent lately: events and rate of the last hour and day, and the sparkline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from ingestion.auth.read_scope import EVERYTHING, ReadScope
from processing.models import LedgerHour, LedgerMinute
from processing.stores.packed import ledger
from queries.sources import activity
from queries.tests.stored import account, get

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]

NOW = datetime(2026, 3, 5, 14, 20, 30, tzinfo=UTC)
RUNNING = NOW.replace(second=0)


def minute(ago: int, stored: int, *, source_id: str = "sensor-1", partition: int = 0, now: datetime = RUNNING) -> None:
    LedgerMinute.objects.create(
        source_id=source_id, minute=now - timedelta(minutes=ago), partition=partition, read=stored + 5, stored=stored,
        duplicate=5,
    )  # fmt: skip


def test_the_hours_end_now_and_begin_with_whole_minutes() -> None:
    account("sensor-1")
    minute(0, 1)
    minute(59, 10, partition=1)
    minute(60, 100)
    minute(60, 100, partition=1)
    minute(24 * 60 - 1, 1_000)
    minute(24 * 60, 10_000)
    minute(5, 7, source_id="sensor-2")

    found = activity.read(["sensor-1", "silent"], scope=EVERYTHING, now=NOW)
    hours = found["sensor-1"]

    assert set(found) == {"sensor-1", "silent"}
    assert hours.counts == [1_000, *[0] * 21, 200, 11]
    # 59 whole minutes and half of the running one.
    assert hours.last_hour == {"events": 11, "perSecond": round(11 / 3_570, 4)}
    assert hours.last_day == {"events": 1_211, "perSecond": round(1_211 / (23 * 3_600 + 3_570), 4)}
    assert found["silent"].counts == [0] * 24


def test_what_a_receiver_with_a_clock_ahead_received_counts_as_of_now() -> None:
    minute(-3, 4)

    assert activity.read(["sensor-1"], scope=EVERYTHING, now=NOW)["sensor-1"].last_hour["events"] == 4


def test_what_is_in_the_last_minutes_is_shown_at_once() -> None:
    account("sensor-1")
    now = datetime.now(tz=UTC).replace(second=0, microsecond=0)

    shown = []
    for stored in (3, 4):
        minute(0, stored, partition=stored, now=now)
        shown.append(get("/api/sources/")["results"][0]["lastHour"]["events"])

    assert shown == [3, 7]


def test_a_reader_of_some_sources_gets_no_numbers_of_others() -> None:
    minute(1, 5)

    assert activity.read(["sensor-1"], scope=ReadScope(frozenset({"other"})), now=NOW)["sensor-1"].counts == [0] * 24


def test_a_source_shows_its_last_day_in_lists_and_by_itself() -> None:
    account("sensor-1", stored=66)
    account("silent")
    now = datetime.now(tz=UTC).replace(second=0, microsecond=0)
    for ago in range(0, 24 * 60, 120):
        minute(ago, 5, now=now)
    # Long past, and folded by hour.
    minute(3 * 24 * 60, 6, now=now)
    with transaction.atomic(), connection.cursor() as cursor:
        ledger.fold(cursor, after=None, before=now - timedelta(days=2), limit=100)
    assert LedgerHour.objects.get().stored == 6

    busy, silent = get("/api/sources/")["results"]

    assert len(busy["sparkline"]) == 24
    # A minute may pass between the rows and the answer.
    assert busy["lastDay"]["events"] == sum(busy["sparkline"]) == pytest.approx(60, abs=5)
    assert busy["lastHour"]["events"] == busy["sparkline"][-1] == 5
    assert busy["lastHour"]["perSecond"] == pytest.approx(5 / 3_600, rel=0.02)
    assert silent["sparkline"] == [0] * 24
    assert silent["lastHour"] == silent["lastDay"] == {"events": 0, "perSecond": 0.0}
    assert get("/api/sources/sensor-1/")["lastDay"]["events"] == busy["lastDay"]["events"]
