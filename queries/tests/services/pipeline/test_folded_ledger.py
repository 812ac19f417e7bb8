"""The ledger by hour: every count stays, nothing that does not balance is hidden, and readers see which is which."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from processing.models import LedgerHour, LedgerMinute, LedgerSpan
from processing.stores.packed import ledger
from queries.tests.stored import account, get

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COUNTS = ("read", "stored", "duplicate", "dead_lettered", "dropped")


def fold(*, before: datetime, limit: int = 1_000) -> int:
    folded, after = 0, None
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            number, after = ledger.fold(cursor, after=after, before=before, limit=limit)
        if after is None:
            return folded
        folded += number


def minute(number: int, source: str = "a", *, partition: int = 0, read: int = 1, **outcomes: int) -> None:
    LedgerMinute.objects.create(
        source_id=source, minute=NOON + timedelta(minutes=number), partition=partition, read=read,
        **(outcomes or {"stored": read}),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_minutes_are_added_up_by_hour_and_no_count_is_lost(seed: int) -> None:
    rng = random.Random(seed)
    end = NOON + timedelta(hours=3)
    sent: Counter[tuple[str, datetime, int]] = Counter()
    for _ in range(3):
        for number in rng.sample(range(300), 40):
            source, partition, read = rng.choice("ab"), rng.randrange(2), rng.randrange(3, 9)
            minute(number, source, partition=partition, read=read, stored=read - 2, duplicate=1, dropped=1)
            sent[source, NOON + timedelta(hours=number // 60), partition] += read

        fold(before=end, limit=rng.choice((1, 7, 1_000)))

        found: Counter[tuple[str, datetime, int]] = Counter()
        for row in LedgerSpan.objects.all():
            assert row.read == row.stored + row.duplicate + row.dropped
            assert row.seconds == (3600 if row.minute < end else 60)
            found[row.source_id, row.minute.replace(minute=0), row.partition] += row.read
        assert found == sent
        assert LedgerMinute.objects.exists()
        sent -= Counter({place: count for place, count in sent.items() if place[1] >= end})
        LedgerMinute.objects.all().delete()


def test_an_hour_is_folded_as_a_whole() -> None:
    for number in (59, 60, 70):
        minute(number)

    assert fold(before=NOON + timedelta(minutes=65)) == 1
    assert LedgerMinute.objects.count() == 2


def test_a_minute_that_does_not_balance_stays_in_sight() -> None:
    minute(1, read=3, stored=2)
    minute(2, "b", read=3, stored=2)
    minute(3, "b", read=3, stored=3)

    assert fold(before=NOON + timedelta(hours=1)) == 1

    assert {(row.source_id, row.read - row.stored) for row in LedgerMinute.objects.all()} == {("a", 1), ("b", 1)}


def test_a_page_of_the_ledger_shows_hours_where_the_minutes_are_long_past() -> None:
    for number in (1, 2, 65, 130):
        minute(number, read=2, stored=2)
    account("a", read=8, stored=8)
    fold(before=NOON + timedelta(hours=2))
    minute(3)  # read long after it was received
    minute(0, "b")

    spans = [(row["sourceId"], row["minute"][11:16], row["seconds"], row["read"]) for row in results()]
    assert spans == [
        ("a", "14:10", 60, 2),
        ("a", "13:00", 3600, 2),
        ("a", "12:03", 60, 1),
        ("b", "12:00", 60, 1),
        ("a", "12:00", 3600, 4),
    ]
    assert sum(LedgerSpan.objects.values_list("read", flat=True)) == 10


def results(query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = get(f"/api/pipeline/ledger/{query}")["results"]
    return found


def test_a_range_takes_every_hour_that_it_touches() -> None:
    for number in (1, 65, 130):
        minute(number)
    fold(before=NOON + timedelta(hours=9))

    found = results("?start_time=2026-03-01T12:59:59Z&end_time=2026-03-01T13:01:00Z")

    assert [row["minute"] for row in found] == ["2026-03-01T13:00:00Z", "2026-03-01T12:00:00Z"]
    assert results("?start_time=2026-03-01T15:00:00Z") == []


def test_what_comes_late_is_folded_into_its_hour_next_time() -> None:
    minute(1)
    fold(before=NOON + timedelta(hours=1))
    minute(2, read=4)
    minute(0, read=2)

    fold(before=NOON + timedelta(hours=1))

    assert list(LedgerHour.objects.values_list("hour", *COUNTS)) == [(NOON, 7, 7, 0, 0, 0)]
    assert not LedgerMinute.objects.exists()
