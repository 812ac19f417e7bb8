"""The buckets of keys, without a clock."""

from __future__ import annotations

import pytest

from ingestion.auth import rate_limits
from ingestion.auth.rate_limits import TokenBuckets
from ingestion.problems import RequestRejected
from ingestion.rate_windows import parse_rate

RATE = parse_rate("5:3600")


def test_a_used_up_bucket_outlives_any_number_of_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "SWEEP", 100)
    buckets = TokenBuckets()
    buckets.of("used", RATE, now=0.0).take(5)

    for number in range(1_000):
        buckets.of(f"other-{number}", RATE, now=1.0)

    with pytest.raises(RequestRejected):
        buckets.of("used", RATE, now=2.0).check(2.0)


def test_buckets_that_are_full_again_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "SWEEP", 100)
    buckets = TokenBuckets()

    for number in range(10_000):
        buckets.of(f"key-{number}", RATE, now=1.0)

    assert len(buckets._buckets) <= 200


def test_events_that_were_not_taken_are_given_back_to_the_limit_at_most() -> None:
    bucket = TokenBuckets().of("key", RATE, now=0.0)
    bucket.take(3)
    bucket.give_back(10)

    assert dict(bucket.headers())[b"ratelimit-remaining"] == b"5"
