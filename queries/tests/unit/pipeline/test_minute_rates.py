"""The rate over time, from the ledger's minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from queries.pipeline.minute_rates import columns

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
SUMS = {"2026-03-01T11:58:00Z": (600, 540), "2026-03-01T12:00:00Z": (90, 60)}


def test_each_minute_has_its_mean_and_the_running_one_that_of_its_seconds() -> None:
    assert columns(SUMS, now=NOW, count=3) == {
        "at": ["2026-03-01T11:58:00Z", "2026-03-01T11:59:00Z", "2026-03-01T12:00:00Z"],
        "read": [10.0, 0.0, 3.0],
        "stored": [9.0, 0.0, 2.0],
    }


def test_a_minute_that_has_just_begun_has_no_rate_yet() -> None:
    assert columns(SUMS, now=NOW - timedelta(seconds=29), count=2)["at"] == ["2026-03-01T11:59:00Z"]
