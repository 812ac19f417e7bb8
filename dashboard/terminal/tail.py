"""The live tail in a terminal: events as they are stored, and how many of them are not shown."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from dashboard.live.redis_subscriber import FeedState, follow_frames
from dashboard.panels.columns import preview
from ingestion.auth import source_patterns
from ingestion.auth.read_scope import ReadScope
from ingestion.management.terminal import Terminal, cut, printable, width_of
from processing.live_feed import ConsumerFrame, TailEvent
from queries.events import listing
from queries.reads.postgres import ReadUnavailable
from queries.schemas import EventShape

TELL_SECONDS = 1.0  # between two notes of what is not shown
STORED_ROWS = 500  # looked through for what was stored while no frames came
REMEMBERED = 2_000  # events, which are not shown twice
SOURCE = 28  # columns; longer ids are cut, on a terminal
NAMES = {"dead_lettered": "became dead letters", "dropped": "were dropped by rules"}

Shown = TailEvent | EventShape


@dataclass(slots=True)
class Tail:
    """Writes events of the sources of some patterns, and notes on what it could not show."""

    patterns: Sequence[str]
    write: Callable[[str], None]
    note: Callable[[str], None]
    terminal: Terminal
    as_json: bool = False
    limit: int | None = None
    shown: int = 0
    stored: int = 0
    _known: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _hidden: int = 0
    _fates: Counter[str] = field(default_factory=Counter)
    _told_at: float = field(default_factory=time.monotonic)
    _newest: str = ""  # the latest storedAt, RFC 3339 in UTC

    @property
    def done(self) -> bool:
        """Return whether as many events are shown as were asked for."""
        return self.limit is not None and self.shown >= self.limit

    def take(self, frame: ConsumerFrame) -> None:
        """Show the events in one consumer's frame, and count those that it has left out."""
        found = [event for event in frame["tail"] if self.matches(event["sourceId"])]
        sources = [each for name, each in frame["sources"].items() if self.matches(name)]
        stored = sum(each["stored"] for each in sources)
        self.stored += stored
        self._hidden += max(0, stored - len(found))
        self._fates["dead_lettered"] += sum(each["deadLettered"] for each in sources)
        self._fates["dropped"] += sum(each["dropped"] for each in sources)
        self.show(found)

    def show(self, events: Iterable[Shown]) -> None:
        """Write events that were not written yet, oldest first."""
        for event in events:
            identity = (event["sourceId"], event["eventId"])
            if self.done or identity in self._known or not self.matches(event["sourceId"]):
                continue
            self._known.append(identity)
            self._newest = max(self._newest, event["storedAt"])
            self.shown += 1
            self.write(self._line(event))

    def fill(self, stored: Sequence[Shown], *, whole: bool) -> None:
        """Show what was stored while no frames came.

        :param stored: oldest first
        :param whole: nothing was stored in that time but this
        """
        if not self._newest:
            return
        missed = [event for event in stored if event["storedAt"] > self._newest]
        if not whole and len(missed) == len(stored):
            self.note("More was stored meanwhile than is shown here.")
        self.show(missed)

    def tell(self, *, now: float) -> None:
        """Note what was not shown, once a second at most."""
        if now - self._told_at < TELL_SECONDS:
            return
        self._told_at = now
        if self._hidden:
            self.note(f"{self._hidden:,} more were stored: the live feed carries a sample of what comes fast.")
        for fate, count in self._fates.items():
            if count:
                self.note(f"{count:,} {NAMES[fate]}.")
        self._hidden = 0
        self._fates.clear()

    def matches(self, source_id: str) -> bool:
        """Return whether a source is one of those that are shown."""
        return not self.patterns or any(source_patterns.matches(pattern, source_id) for pattern in self.patterns)

    def _line(self, event: Shown) -> str:
        if self.as_json:
            return msgspec.json.encode(event).decode()
        source = printable(event["sourceId"])
        if self.terminal.live:
            source = cut(source, max(8, min(SOURCE, self.terminal.width // 3)))
        tags = f" [{', '.join(event['tags'])}]" if event["tags"] else ""
        text = f"{printable(preview(event['payload']))}{printable(tags)}"
        time_of_day = event["storedAt"][11:23].rstrip("Z").ljust(12)
        padding = " " * max(0, SOURCE - width_of(source)) if self.terminal.width > 3 * SOURCE else ""
        room = self.terminal.width - len(time_of_day) - width_of(source) - len(padding) - 4
        return f"{self.terminal.paint(time_of_day, 'unknown')}  {self.terminal.paint(source, 'strong')}{padding}  {cut(text, room)}"


def newest(count: int, scope: ReadScope) -> list[EventShape]:
    """Return the newest stored events, oldest first; none if PostgreSQL does not answer."""
    try:
        return listing.newest(count=count, scope=scope)[::-1]
    except ReadUnavailable:
        return []


async def follow(tail: Tail, *, last: int, scope: ReadScope) -> None:
    """Show the last stored events, then those that are stored, until the limit is reached.

    :param last: how many of the stored ones
    """
    follower = Follower(tail, last, scope)
    following = asyncio.create_task(follow_frames(follower.take, follower.become))
    try:
        while not tail.done:
            await asyncio.sleep(0.1)
            await follower.step()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


class Follower:
    """Keeps the frames back while the store is read, so that what comes later is shown later."""

    def __init__(self, tail: Tail, last: int, scope: ReadScope) -> None:
        self._tail = tail
        self._scope = scope
        self._last = last
        self._frames: list[ConsumerFrame] = []
        self._state: FeedState | None = None
        self._to_read = True  # what was stored before the frames came

    def take(self, frame: ConsumerFrame) -> None:
        """Keep one consumer's frame."""
        self._frames.append(frame)

    def become(self, state: FeedState) -> None:
        """Follow the state of the feed: after an outage the store is read again."""
        if state != self._state:
            self._to_read = True
            if state == "sampling":
                self._tail.note(
                    "Redis does not answer, so nothing is shown. What is stored meanwhile is shown afterwards."
                )
        self._state = state

    async def step(self) -> None:
        """Show what came since the last step."""
        if self._state is None:
            return
        if self._to_read and self._state == "live":
            self._to_read = False
            await self._read()
        frames, self._frames = self._frames, []
        for frame in frames:
            self._tail.take(frame)
        self._tail.tell(now=time.monotonic())

    async def _read(self) -> None:
        begins = self._last >= 0
        rows = await asyncio.to_thread(newest, STORED_ROWS, self._scope)
        if begins:
            matching = [event for event in rows if self._tail.matches(event["sourceId"])]
            self._tail.show(matching[max(0, len(matching) - self._last) :])
            self._last = -1
        else:
            self._tail.fill(rows, whole=len(rows) < STORED_ROWS)
