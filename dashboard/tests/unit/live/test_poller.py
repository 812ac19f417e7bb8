"""The reads behind the live feed: what changed is read for every subscription to it."""

from __future__ import annotations

import pytest

from dashboard.live.messages import Subscription
from dashboard.live.poller import Poller
from dashboard.panels import series
from dashboard.panels.columns import Interval
from dashboard.tests.consumer_frames import consumer_frame, source_frame
from ingestion.auth.read_scope import ReadScope
from queries.schemas import Bucket

OWN = ReadScope(frozenset({"a"}))
MINUTES, HOURS = Subscription("series", OWN, "a", "1m"), Subscription("series", OWN, "a", "1h")


async def test_a_change_of_a_source_is_read_once_for_each_subscription_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Interval, int | None]] = []

    def moved(source: str, interval: Interval, oldest: int | None, *, scope: ReadScope) -> list[Bucket]:
        asked.append((interval, oldest))
        return []

    monkeypatch.setattr(series, "moved_buckets", moved)
    poller, watched = Poller(), {MINUTES, HOURS}
    poller.note(consumer_frame({"a": source_frame(temperature=(1_000, 20.0))}))

    for _ in range(2):
        poller.begin(watched)
        for subscription in (MINUTES, HOURS):
            await poller.buckets(subscription, frames_flow=True)

    assert asked == [("1m", 1_000), ("1h", 1_000)]
