"""Reads from the stores, once a second, what the consumers' frames do not contain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from django.db import connections

from dashboard.live import messages
from dashboard.live.deltas import sources_within
from dashboard.live.messages import Subscription
from dashboard.panels import rates, series, snapshot, status_news
from dashboard.panels.columns import ChartBucket
from dashboard.panels.rates import Account
from dashboard.panels.snapshot_types import Overview
from dashboard.panels.status_news import Heard
from ingestion.auth.read_scope import ReadScope
from processing.live_feed import ConsumerFrame
from queries.schemas import EventShape

READ_SECONDS = 7.0  # the result of a slower read is unknown; the stores' own limits are shorter
FRESH_MS = 2_500  # maximum age of the sample with which a new viewer starts

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Watch:
    """What is remembered between two samples of the overview of one scope."""

    latest: Overview | None = None
    account: Account | None = None
    stored: int = 0  # since the last sample
    counted_since: float | None = None  # monotonic seconds

    def fresh(self) -> Overview | None:
        """Return the latest sample if a new viewer may start with it."""
        recent = self.latest is not None and messages.now_ms() - self.latest["at"] < FRESH_MS
        return self.latest if recent else None

    def counted(self) -> float | None:
        """Return the events per second in frames since the last call."""
        now = time.monotonic()
        stored, self.stored = self.stored, 0
        since, self.counted_since = self.counted_since, now
        return None if since is None or now - since > rates.MAX_APART / 1000 else stored / (now - since)


class Poller:
    """Reads on two threads of its own, for the Hub.

    All methods are called on the event loop, and the coroutines wait for the threads without blocking it. A read that
    fails or takes too long is unknown (None or empty), not an error.
    """

    def __init__(self) -> None:
        self._watches: dict[ReadScope, Watch] = {}
        self._moved: dict[str, int] = {}  # by source: the oldest event time since the last sample
        self._to_read: dict[str, int] = {}  # the same, of the sample that is being read
        self._known: dict[Subscription, set[tuple[str, str]]] = {}
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="live-feed")

    def note(self, frame: ConsumerFrame) -> None:
        """Record what a frame changed, for the next sample."""
        for scope, watch in self._watches.items():
            watch.stored += sum(source["stored"] for _, source in sources_within(frame, scope))
        for source_id, source in frame["sources"].items():
            times = [at for at, _ in source["values"].values()]
            if times:
                self._moved[source_id] = min(*times, self._moved.get(source_id, times[0]))

    def begin(self, watched: set[Subscription]) -> None:
        """Begin a sample: forget what has no viewer any more, and keep what follows for the next one."""
        # Several subscriptions may be to the same source.
        self._to_read, self._moved = self._moved, {}
        self._known = {subscription: found for subscription, found in self._known.items() if subscription in watched}

    def keep_scopes(self, watched: set[ReadScope]) -> None:
        """Forget the samples of scopes that have no viewer."""
        self._watches = {scope: watch for scope, watch in self._watches.items() if scope in watched}

    async def start_of(self, subscription: Subscription) -> object:
        """Return the data with which a subscription starts; None: the stores do not answer."""
        if subscription.channel == "series":
            assert subscription.source_id is not None
            source_id, interval = subscription.source_id, subscription.interval
            return await self._read(series.series, source_id, interval, scope=subscription.scope)
        if subscription.channel == "tail":
            line, chosen = subscription.line, subscription.fields
            return await self._read(
                snapshot.tail, subscription.source_id, scope=subscription.scope, line=line, chosen=chosen
            )
        scope = subscription.scope
        if subscription.channel == "status":
            return (await self.status(scope)).news
        return {"sample": self._watch(scope).fresh() or await self.overview(scope, frames_flow=False)}

    async def status(self, scope: ReadScope) -> Heard:
        """Return the state in short; it comes from the same short-lived answer as samples of the overview do."""
        return await self._read(status_news.read, scope=scope) or Heard(status_news.unknown(), None)

    def _watch(self, scope: ReadScope) -> Watch:
        return self._watches.setdefault(scope, Watch())

    async def overview(self, scope: ReadScope, *, frames_flow: bool) -> Overview:
        """Return a sample. The stored rate comes from frames while they arrive, else from the ledger."""
        found = await self._read(snapshot.overview, scope=scope)
        sample, watch = found or snapshot.unknown_overview(None, scope=scope), self._watch(scope)
        if watch.latest is not None and sample["at"] - watch.latest["at"] < rates.MIN_APART:
            # A cached answer, or one read for a new viewer: too close to the last sample for a rate.
            return watch.latest
        acknowledged = sample["doors"]["acceptedPerSecond"] if sample["doors"] else None
        before, watch.account = watch.account, Account(sample["at"], sample["ledger"], acknowledged)
        sample["rates"] = rates.rates(before, watch.account)
        counted = watch.counted()
        if frames_flow:
            sample["rates"] = {**sample["rates"], "stored": counted}
        watch.latest = sample
        return sample

    async def buckets(self, subscription: Subscription, *, frames_flow: bool) -> list[ChartBucket]:
        """Return the aggregates of a series that changed since the last call."""
        assert subscription.source_id is not None
        oldest = self._to_read.get(subscription.source_id)
        if frames_flow and oldest is None:
            return []
        found = await self._read(
            series.moved_buckets, subscription.source_id, subscription.interval, oldest, scope=subscription.scope
        )
        return found or []

    async def events(self, subscription: Subscription) -> list[EventShape]:
        """Return the events stored since the last call, oldest first. Used while no frames arrive."""
        read = snapshot.newest_events
        found = await self._read(read, subscription.source_id, scope=subscription.scope, line=subscription.line) or []
        identities = {(event["sourceId"], event["eventId"]) for event in found}
        known = self._known.get(subscription, identities)
        self._known[subscription] = identities
        return [event for event in found if (event["sourceId"], event["eventId"]) not in known]

    async def _read(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        def in_thread() -> T:
            try:
                return read(*args, **kwargs)
            finally:
                # An open connection would never go back to the pool.
                connections.close_all()

        loop = asyncio.get_running_loop()
        try:
            # Not wait_for, which in Python 3.11 may swallow a cancellation.
            async with asyncio.timeout(READ_SECONDS):
                return await loop.run_in_executor(self._threads, in_thread)
        except (snapshot.Unknown, TimeoutError):
            return None
