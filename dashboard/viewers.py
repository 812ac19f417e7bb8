"""One client of the live feed: what it watches, what it has shown, what waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from dashboard import protocol
from dashboard.frames import Delta, OverviewDelta, SeriesDelta, TailDelta, interval
from dashboard.protocol import Subscription

ABANDONED_SECONDS = 60.0  # a full window for so long: nobody is there

Send = Callable[[str], Awaitable[None]]


def blank(subscription: Subscription, now: float) -> Delta:
    """An empty span that begins now."""
    if subscription.channel == "overview":
        return OverviewDelta(now, now)
    if subscription.channel == "series":
        assert subscription.source_id is not None
        return SeriesDelta(now, now, subscription.source_id)
    return TailDelta(now, now, subscription.source_id)


class Tick:
    """What changed in one tick, per distinct subscription, encoded at most once each."""

    def __init__(self, now: float, deltas: Mapping[Subscription, Delta]) -> None:
        self.now = now  # monotonic seconds
        self.deltas = deltas
        self._encoded: dict[Subscription, str] = {}

    def encoded(self, subscription: Subscription) -> str:
        if subscription not in self._encoded:
            self._encoded[subscription] = protocol.encode(self.deltas[subscription].body())
        return self._encoded[subscription]


@dataclass(slots=True, eq=False)
class Viewer:
    """A client with a window of 8: while it is full, changes are held and widen the next frame."""

    send: Send
    close: Callable[[], Awaitable[None]]
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    opening: set[str] = field(default_factory=set)  # their snapshot is not out yet
    paused: bool = False
    seq: int = 0
    acked: int = 0
    last_sent: float = 0.0
    full_since: float | None = None
    news: deque[str] = field(default_factory=deque)  # changes of state, sent whole and in order
    _held: dict[str, Delta] = field(default_factory=dict)

    def has_room(self) -> bool:
        return self.seq - self.acked < protocol.WINDOW

    def open(self, identity: str, subscription: Subscription) -> None:
        """Watch something more; its changes are held until `opened`."""
        self.subscriptions[identity] = subscription
        self.opening.add(identity)
        self._held.pop(identity, None)

    def opened(self, identity: str) -> None:
        self.opening.discard(identity)

    def drop(self, identity: str) -> None:
        self.subscriptions.pop(identity, None)
        self.opening.discard(identity)
        self._held.pop(identity, None)

    def ack(self, seq: int) -> None:
        """:raises protocol.ProtocolError: that frame was never sent"""
        if seq > self.seq:
            raise protocol.ProtocolError("invalid_ack", f"seq: expected at most {self.seq}")
        self.acked = max(self.acked, seq)

    def abandoned(self, now: float) -> bool:
        return self.full_since is not None and now - self.full_since > ABANDONED_SECONDS

    def next_message(self, tick: Tick) -> str | None:
        """The frame or heartbeat that is due, if any; what cannot go out now is held."""
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
        return protocol.frame(self.seq, span, bodies)

    def _heartbeat(self, now: float) -> str | None:
        if now - self.last_sent < protocol.HEARTBEAT_SECONDS:
            return None
        self.last_sent = now
        return protocol.heartbeat()

    def _hold_all(self, tick: Tick) -> None:
        for identity, subscription in self.subscriptions.items():
            self._hold(identity, subscription, tick)

    def _hold(self, identity: str, subscription: Subscription, tick: Tick) -> None:
        delta = tick.deltas.get(subscription)
        held = self._held.get(identity)
        if delta is not None:
            if held is None:
                held = self._held[identity] = blank(subscription, delta.start)
            held.add(delta)
        if held is not None:
            held.end = tick.now

    def _bodies(self, tick: Tick) -> tuple[dict[str, str], int]:
        bodies: dict[str, str] = {}
        span = 0
        for identity, subscription in self.subscriptions.items():
            if identity in self.opening:
                self._hold(identity, subscription, tick)
                continue
            delta: Delta | None = tick.deltas.get(subscription)
            if identity in self._held:
                self._hold(identity, subscription, tick)
                delta = self._held.pop(identity)
                bodies[identity] = protocol.encode(delta.body())
            elif delta is not None:
                bodies[identity] = tick.encoded(subscription)
            span = max(span, interval(delta) if delta is not None else 0)
        return bodies, span
