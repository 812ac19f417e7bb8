"""What the live feed asks the stores about once a second, since the consumers' frames do not say it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import connections

from dashboard import protocol, rates, readings, series
from dashboard.protocol import Subscription
from dashboard.rates import Account, RatePoint
from dashboard.sample import Overview
from processing.live import ConsumerFrame
from queries.shapes import Bucket, EventShape

READ_SECONDS = 7.0  # a read that takes longer counts as unknown; the stores' own limits are shorter
FRESH_MS = 2_500  # a newcomer begins with a sample no older
HISTORY_POINTS = 300  # one a second

P = ParamSpec("P")
T = TypeVar("T")


class Sampler:
    """Reads in threads of its own; an answer that does not come in time is unknown, not an error."""

    def __init__(self) -> None:
        self.history: deque[RatePoint] = deque(maxlen=HISTORY_POINTS)
        self.latest: Overview | None = None
        self._account: Account | None = None
        self._stored = 0  # since the sample before
        self._counted_since: float | None = None  # monotonic seconds
        self._moved: dict[str, int] = {}  # source -> oldest event time since its buckets were read
        self._known: dict[Subscription, set[tuple[str, str]]] = {}
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="live-feed")

    def note(self, frame: ConsumerFrame) -> None:
        """Remember what a frame moved, for the next sample."""
        for source_id, source in frame["sources"].items():
            self._stored += source["stored"]
            times = [at for at, _ in source["values"].values()]
            if times:
                self._moved[source_id] = min(*times, self._moved.get(source_id, times[0]))

    def forget_moves(self, watched: set[str]) -> None:
        """Sources that nobody looks at any more, or never did."""
        self._moved = {source_id: at for source_id, at in self._moved.items() if source_id in watched}

    async def start_of(self, subscription: Subscription) -> object:
        """The snapshot a subscription begins with; None when the stores cannot be asked."""
        if subscription.channel == "series":
            assert subscription.source_id is not None
            return await self._read(series.series, subscription.source_id, subscription.interval)
        if subscription.channel == "tail":
            return await self._read(readings.tail, subscription.source_id)
        sample = self.latest if self._fresh() else await self.overview(frames_flow=False)
        return {"sample": sample, "history": rates.rate_columns(self.history)}

    def _fresh(self) -> bool:
        return self.latest is not None and protocol.now_ms() - self.latest["at"] < FRESH_MS

    async def overview(self, *, frames_flow: bool) -> Overview:
        """Sample the pipeline. While frames flow they say what was stored, else the ledger does."""
        sample = await self._read(readings.overview) or readings.unknown_overview(None)
        if self.latest is not None and sample["at"] - self.latest["at"] < rates.MIN_APART:
            # An answer that was kept, or one a newcomer asked for: too near to the last sample to tell a rate.
            return self.latest
        before, self._account = self._account, Account(sample["at"], sample["ledger"])
        sample["rates"] = rates.rates(before, self._account)
        counted = self._counted()
        if frames_flow:
            sample["rates"] = {**sample["rates"], "stored": counted}
        self.latest = sample
        self.history.append(RatePoint(sample["at"], sample["rates"]["accepted"], sample["rates"]["stored"]))
        return sample

    def _counted(self) -> float | None:
        """Events a second that frames brought since this was asked last."""
        now = time.monotonic()
        stored, self._stored = self._stored, 0
        since, self._counted_since = self._counted_since, now
        return None if since is None or now - since > rates.MAX_APART / 1000 else stored / (now - since)

    async def buckets(self, subscription: Subscription, *, frames_flow: bool) -> list[Bucket]:
        """The aggregates of a series that moved since they were read last."""
        assert subscription.source_id is not None
        oldest = self._moved.pop(subscription.source_id, None)
        if frames_flow and oldest is None:
            return []
        found = await self._read(series.moved_buckets, subscription.source_id, subscription.interval, oldest)
        return found or []

    async def events(self, subscription: Subscription) -> list[EventShape]:
        """Events stored since this was asked last, oldest first; for when no frames flow."""
        found = await self._read(readings.newest_events, subscription.source_id) or []
        identities = {(event["sourceId"], event["eventId"]) for event in found}
        known = self._known.get(subscription, identities)
        self._known[subscription] = identities
        return [event for event in found if (event["sourceId"], event["eventId"]) not in known]

    async def _read(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        def in_thread() -> T:
            try:
                return read(*args, **kwargs)
            finally:
                # A connection that stays open would be lost to the pool.
                connections.close_all()

        loop = asyncio.get_running_loop()
        try:
            # Not wait_for, which in Python 3.11 may swallow a cancellation.
            async with asyncio.timeout(READ_SECONDS):
                return await loop.run_in_executor(self._threads, in_thread)
        except (readings.Unknown, TimeoutError):
            return None
