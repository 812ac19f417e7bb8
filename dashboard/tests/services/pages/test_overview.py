"""What the overview adds up over time: rates, changes and how fast events are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from deploy.testing.deployment import Deployment
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from processing.models import LedgerHour, LedgerMinute
from queries.pipeline import freshness, rate_history
from queries.sources import movers

pytestmark = pytest.mark.services


def test_each_range_adds_up_the_ledger_within_the_scope(site: Deployment) -> None:
    now = datetime(2026, 3, 1, 12, 30, 30, tzinfo=UTC)
    minute = now.replace(second=0)
    for source, back, read in (("a", 1, 600), ("b", 1, 60), ("a", 30, 6_000)):
        LedgerMinute.objects.create(
            source_id=source, minute=minute - timedelta(minutes=back), partition=0, read=read, stored=read - 6
        )
    LedgerHour.objects.create(
        source_id="a", hour=datetime(2026, 2, 25, 5, tzinfo=UTC), partition=0, read=36_000, stored=0
    )

    found = {span: rate_history.read(span, scope=EVERYTHING, now=now) for span in rate_history.SPANS}
    one = rate_history.read("1h", scope=ReadScope(frozenset({"b"})), now=now)

    assert (found["5m"]["read"], found["5m"]["stored"]) == ([0, 0, 0, 11.0, 0], [0, 0, 0, 10.8, 0])
    assert {span: len(rate["at"]) for span, rate in found.items()} == {
        "5m": 5, "1h": 60, "6h": 72, "1d": 96, "7d": 168, "30d": 120,
    }  # fmt: skip
    assert (found["1h"]["at"][-2], found["1h"]["read"][-2]) == ("2026-03-01T12:29:00Z", 11.0)
    assert max(found["7d"]["read"]) == 10.0
    assert (max(found["30d"]["read"][:-1]), max(one["read"])) == (round(36_000 / 21_600, 2), 1.0)


def test_what_changed_most_is_first_and_only_of_the_scope(site: Deployment) -> None:
    now = datetime(2026, 3, 1, 12, 30, 30, tzinfo=UTC)
    for source, before, after in (("steady", 60, 60), ("faster", 60, 600), ("slower", 60, 0), ("rare", 1, 0)):
        for back in range(1, 31):
            read = after if back <= 5 else before
            LedgerMinute.objects.create(
                source_id=source, minute=now.replace(second=0) - timedelta(minutes=back), partition=0, read=read
            )

    found = movers.read(scope=EVERYTHING, now=now, count=3)
    one = movers.read(scope=ReadScope(frozenset({"slower"})), now=now, count=3)

    assert [(each["sourceId"], each["before"], each["perSecond"]) for each in found[:2]] == [
        ("faster", 1.0, 10.0),
        ("slower", 1.0, 0.0),
    ]
    assert [each["sourceId"] for each in one] == ["slower"]


def test_the_page_and_its_twin_show_the_same_over_an_hour(site: Deployment) -> None:
    cache.clear()
    client = Client()

    page, twin = client.get("/").content.decode(), client.get("/overview.json").json()

    assert 'href="?range=1h" aria-current="true"' in page
    assert twin["overview"]["ledger"]["stored"] == 0
    assert twin["freshness"] == {"p50": None, "p99": None} == freshness.read(scope=EVERYTHING)
    assert 'data-refresh="2"' in page
