"""One client of the live feed: its subscriptions, its window of unacknowledged frames, and its held changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from dashboard.live import messages
from dashboard.live.deltas import Delta, OverviewDelta, SeriesDelta, StatusDelta, TailDelta, interval
from dashboard.live.holds import Hold, Tick
from dashboard.live.messages import Subscription

ABANDONED_SECONDS = 60.0  # a client whose window is full for this long is disconnected

Send = Callable[[str], Awaitable[None]]


def blank(subscription: Subscription, now: float) -> Delta:
    """Return an empty delta that starts now (monotonic seconds)."""
    if subscription.channel == "status":
        return StatusDelta(now, now)
    if subscription.channel == "overview":
        return OverviewDelta(now, now, subscription.scope)
    if subscription.channel == "series":
        assert subscription.source_id is not None
        return SeriesDelta(now, now, subscription.scope, subscription.source_id)
    within = subscription.scope.narrowed(subscription.source_id)
    return TailDelta(now, now, within, subscription.line, subscription.fields)


@dataclass(slots=True, eq=False)
class Viewer:
    """One client of the live feed, with a window of `protocol.WINDOW` unacknowledged frames.

    It holds the client's subscriptions, the numbers of the last sent and the last acknowledged frame, state changes
    to send, and changes that could not be sent yet. While the window is full, or the client paused, changes are held
    and merged into the next frame, so a slow client gets fewer frames and loses no sums.

    All methods run on the event loop and none of them waits: `LiveFeedSocket` calls them as messages arrive, the
    `Hub` at every tick. Only `send` and `close`, which the Hub awaits, do I/O.
    """

    send: Send
    close: Callable[[], Awaitable[None]]
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    opening: set[str] = field(default_factory=set)  # subscriptions whose snapshot is not sent yet
    paused: bool = False
    seq: int = 0  # number of the last sent frame
    acked: int = 0  # number of the last acknowledged frame
    last_sent: float = 0.0  # monotonic seconds
    full_since: float | None = None  # monotonic seconds; None: the window has room
    news: deque[str] = field(default_factory=deque)  # changes of state, each sent, in order
    _held: dict[str, Hold] = field(default_factory=dict)

    def has_room(self) -> bool:
        """Return whether another frame may be sent before the client acknowledges one."""
        return self.seq - self.acked < messages.WINDOW

    def open(self, identity: str, subscription: Subscription) -> None:
        """Add a subscription. Its changes are held until `opened`, so that they follow the snapshot."""
        self.subscriptions[identity] = subscription
        self.opening.add(identity)
        self._held.pop(identity, None)

    def opened(self, identity: str) -> None:
        """Start to send the changes of a subscription; its snapshot is sent."""
        self.opening.discard(identity)

    def drop(self, identity: str) -> None:
        """Remove a subscription and its held changes."""
        self.subscriptions.pop(identity, None)
        self.opening.discard(identity)
        self._held.pop(identity, None)

    def ack(self, seq: int) -> None:
        """Record that the client showed this frame and all before it.

        :raises protocol.ProtocolError: that frame was never sent
        """
        if seq > self.seq:
            raise messages.ProtocolError("invalid_ack", f"seq: expected at most {self.seq}")
        self.acked = max(self.acked, seq)

    def abandoned(self, now: float) -> bool:
        """Return whether the window has been full for so long that the client is to be disconnected."""
        return self.full_since is not None and now - self.full_since > ABANDONED_SECONDS

    def next_message(self, tick: Tick) -> str | None:
        """Return the frame or heartbeat that is due, or None. Changes that can't be sent now are held."""
        if not self.has_room():
            self.full_since = self.full_since or tick.now
            self._hold_all(tick)
            return None
        self.full_since = None
        if self.paused:
            self._hold_all(tick)
            return self._heartbeat(tick.now)
        bodies, span = self._bodies(tick)
        if not bodies:
            return self._heartbeat(tick.now)
        self.seq += 1
        self.last_sent = tick.now
        return messages.frame(self.seq, span, bodies)

    def _heartbeat(self, now: float) -> str | None:
        if now - self.last_sent < messages.HEARTBEAT_SECONDS:
            return None
        self.last_sent = now
        return messages.heartbeat()

    def _hold_all(self, tick: Tick) -> None:
        for identity, subscription in self.subscriptions.items():
            self._hold(identity, subscription, tick)

    def _hold(self, identity: str, subscription: Subscription, tick: Tick) -> None:
        # Of what is held already, `Holds` keeps the account.
        if identity not in self._held and (hold := tick.hold(subscription)):
            self._held[identity] = hold

    def _bodies(self, tick: Tick) -> tuple[dict[str, str], int]:
        bodies: dict[str, str] = {}
        span = 0
        for identity, subscription in self.subscriptions.items():
            if identity in self.opening:
                self._hold(identity, subscription, tick)
                continue
            delta: Delta | None = tick.deltas.get(subscription)
            if identity in self._held:
                hold = self._held.pop(identity)
                delta, bodies[identity] = hold.delta, hold.encoded()
            elif delta is not None:
                bodies[identity] = tick.encoded(subscription)
            span = max(span, interval(delta) if delta is not None else 0)
        return bodies, span
