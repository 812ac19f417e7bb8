"""The live feed of a web process: frames and samples come in, conflated frames go out four times a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator
from typing import get_args
from weakref import WeakKeyDictionary

from dashboard.live import messages
from dashboard.live.deltas import Delta, OverviewDelta, SeriesDelta, StatusDelta, TailDelta
from dashboard.live.holds import Holds, Tick
from dashboard.live.messages import Subscription
from dashboard.live.poller import Poller
from dashboard.live.redis_subscriber import FeedState, follow_frames
from dashboard.live.viewers import Viewer, blank
from dashboard.metrics import FRAMES, SUBSCRIPTIONS, VIEWERS
from dashboard.panels.snapshot_types import Overview
from dashboard.panels.status_news import Heard, StatusNews
from processing.live_feed import ConsumerFrame
from queries.schemas import Stores

SAMPLE_SECONDS = 1.0

logger = logging.getLogger(__name__)
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def current() -> Hub:
    """Return the Hub of the running event loop. A web process has one loop, so it has one Hub."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


class Hub:
    """Feeds the viewers of one web process.

    It holds the viewers, one `Delta` for each distinct subscription (what changed since the last tick) and the last
    known states of feed and servers. Equal subscriptions share one delta, which is encoded once.

    All methods run on the event loop of the process, so the Hub has no locks. `sockets.LiveFeedSocket` calls `join`,
    `leave`, `subscribe` and `states`. Three tasks of the Hub call `take`, `tick` and `sample`; they run from the first
    viewer's `join` to the last viewer's `leave`. No method blocks the loop: reads run on the threads of the `Sampler`.
    """

    def __init__(self) -> None:
        self.viewers: set[Viewer] = set()
        self._feeds: dict[Subscription, Delta] = {}
        self._holds = Holds()
        self._sampler = Poller()
        self._states: dict[str, str] = {}
        self._told: dict[Subscription, StatusNews] = {}  # what was sent last, by subscription to `status`
        self._frames_flow = False
        self._running: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    def join(self, viewer: Viewer) -> None:
        """Add a viewer; the first one starts the tasks of the Hub."""
        self.viewers.add(viewer)
        VIEWERS.inc()
        if self._running is None:
            self._running = asyncio.create_task(self._run())

    def leave(self, viewer: Viewer) -> None:
        """Remove a viewer; the last one stops the tasks of the Hub. May be called again for the same viewer."""
        if viewer not in self.viewers:
            return
        self.viewers.discard(viewer)
        VIEWERS.dec()
        self._count_subscriptions()
        if not self.viewers and self._running is not None:
            self._running.cancel()
            self._ending, self._running = self._running, None

    @property
    def running(self) -> bool:
        """Return whether the tasks of the Hub run, which is the case while there are viewers."""
        return self._running is not None

    async def ended(self) -> None:
        """Wait until the tasks that the last viewer's `leave` cancelled have ended."""
        if self._ending is not None:
            await asyncio.wait([self._ending])

    async def subscribe(self, viewer: Viewer, identity: str, subscription: Subscription) -> None:
        """Send the viewer the snapshot that its subscription starts with.

        Reads the stores, which may take seconds. Changes in the meantime are held and follow the snapshot.
        """
        viewer.open(identity, subscription)
        self._feeds.setdefault(subscription, blank(subscription, time.monotonic()))
        data = await self._sampler.start_of(subscription)
        if viewer.subscriptions.get(identity) == subscription:
            # What this viewer starts with may be newer than what was sent last; the next sample then is for everyone.
            self._told.pop(subscription, None)
            await viewer.send(messages.snapshot(identity, subscription.channel, data))
            viewer.opened(identity)

    def states(self) -> Iterator[str]:
        """Return the last known states of feed and servers, as messages for a new viewer."""
        return (messages.event(name, state) for name, state in self._states.items())

    def take(self, frame: ConsumerFrame) -> None:
        """Add one consumer's frame to the delta of every subscription. Called for each message from Redis."""
        self._sampler.note(frame)
        for feed in self._feeds.values():
            feed.take(frame)

    async def tick(self, now: float) -> None:
        """Send every viewer what changed since the last tick; for viewers with a full window it is held.

        :param now: monotonic seconds
        """
        changed = {subscription: feed for subscription, feed in self._feeds.items() if feed.changed()}
        for feed in changed.values():
            feed.end = now
        self._feeds = {subscription: blank(subscription, now) for subscription in self._watched()}
        tick = self._holds.tick(now, changed)
        for viewer in list(self.viewers):
            await self._serve(viewer, tick)

    async def sample(self) -> None:
        """Read from the stores what frames do not contain, or everything if no frames arrive."""
        watched = self._watched()
        self._count_subscriptions()
        self._sampler.begin(watched)
        self._sampler.keep_scopes({each.scope for each in watched if each.channel == "overview"})
        self._told = {subscription: news for subscription, news in self._told.items() if subscription in watched}
        for subscription in watched:
            if subscription.channel == "status":
                self._took_status(subscription, await self._sampler.status(subscription.scope))
            elif subscription.channel == "overview":
                self._took_sample(
                    subscription, await self._sampler.overview(subscription.scope, frames_flow=self._frames_flow)
                )
            elif subscription.channel == "series":
                await self._sample_buckets(subscription)
            elif not self._frames_flow:
                await self._sample_events(subscription)

    def _count_subscriptions(self) -> None:
        found = Counter(each.channel for viewer in self.viewers for each in viewer.subscriptions.values())
        for channel in get_args(messages.Channel):
            SUBSCRIPTIONS.labels(channel).set(found[channel])

    def _watched(self) -> set[Subscription]:
        return {subscription for viewer in self.viewers for subscription in viewer.subscriptions.values()}

    async def _serve(self, viewer: Viewer, tick: Tick) -> None:
        if viewer.abandoned(tick.now):
            await viewer.close()
            return
        while viewer.news:
            await viewer.send(viewer.news.popleft())
        message = viewer.next_message(tick)
        if message is not None:
            FRAMES.inc()
            await viewer.send(message)

    def _took_sample(self, subscription: Subscription, sample: Overview) -> None:
        # A tick may have replaced the deltas during the read.
        feed = self._feeds.get(subscription)
        if isinstance(feed, OverviewDelta):
            feed.sample = sample
        self._took_stores(sample["stores"])

    def _took_status(self, subscription: Subscription, heard: Heard) -> None:
        feed = self._feeds.get(subscription)
        if isinstance(feed, StatusDelta) and self._told.get(subscription) != heard.news:
            self._told[subscription] = feed.news = heard.news
        self._took_stores(heard.stores)

    def _took_stores(self, stores: Stores | None) -> None:
        if stores is not None:
            self._announce("kafka", stores["kafka"]["state"])
            self._announce("postgresql", stores["postgresql"]["state"])
            self._announce("mongodb", stores["mongodb"]["state"])
            self._announce("redis", stores["redis"]["state"])

    async def _sample_buckets(self, subscription: Subscription) -> None:
        buckets = await self._sampler.buckets(subscription, frames_flow=self._frames_flow)
        feed = self._feeds.get(subscription)
        if isinstance(feed, SeriesDelta):
            feed.buckets.update({(bucket["field"], bucket["start"]): bucket for bucket in buckets})

    async def _sample_events(self, subscription: Subscription) -> None:
        events = await self._sampler.events(subscription)
        feed = self._feeds.get(subscription)
        if isinstance(feed, TailDelta):
            feed.sampled = True
            feed.events.extend(events)

    def _feed_state(self, state: FeedState) -> None:
        self._frames_flow = state == "live"
        self._announce("feed", state)

    def _announce(self, name: str, state: str) -> None:
        """Queue a change of state for every viewer. State changes are never conflated."""
        if self._states.get(name) == state:
            return
        self._states[name] = state
        message = messages.event(name, state)
        for viewer in self.viewers:
            viewer.news.append(message)

    async def _tick_forever(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + messages.TICK_SECONDS, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            await self.tick(time.monotonic())

    async def _sample_forever(self) -> None:
        while True:
            began = time.monotonic()
            await self.sample()
            await asyncio.sleep(max(0.0, began + SAMPLE_SECONDS - time.monotonic()))

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(follow_frames(self.take, self._feed_state))
                group.create_task(self._tick_forever())
                group.create_task(self._sample_forever())
        except Exception:
            logger.exception("the live feed failed; its viewers are disconnected and will reconnect")
            self._running = None
            for viewer in list(self.viewers):
                await viewer.close()
