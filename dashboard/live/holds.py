"""Changes that viewers can't take yet, held once for all who hold the same subscription since the same tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakSet

from dashboard.live import messages
from dashboard.live.deltas import Delta
from dashboard.live.messages import Subscription


@dataclass(slots=True, eq=False, weakref_slot=True)
class Hold:
    """What changed of one subscription since a tick. It is of bounded size: see `Delta.brief`."""

    subscription: Subscription
    delta: Delta
    _encoded: str | None = None

    def add(self, later: Delta | None, now: float) -> None:
        """Merge the changes of a further tick, which ends now (monotonic seconds)."""
        if later is not None:
            self.delta.add(later)
        self.delta.end = now
        self._encoded = None

    def encoded(self) -> str:
        """Return the body of a frame as JSON text, encoded once for all who hold this."""
        if self._encoded is None:
            self._encoded = messages.encode(self.delta.body())
        return self._encoded


class Tick:
    """The changes of one tick by distinct subscription. Each is encoded at most once, however many viewers get it."""

    def __init__(self, now: float, deltas: Mapping[Subscription, Delta], holds: Holds) -> None:
        self.now = now  # monotonic seconds
        self.deltas = deltas
        self._holds = holds
        self._encoded: dict[Subscription, str] = {}
        self._begun: dict[Subscription, Hold] = {}

    def encoded(self, subscription: Subscription) -> str:
        """Return the body of a subscription's frame as JSON text."""
        if subscription not in self._encoded:
            self._encoded[subscription] = messages.encode(self.deltas[subscription].body())
        return self._encoded[subscription]

    def hold(self, subscription: Subscription) -> Hold | None:
        """Return the hold that begins with this tick; None: there is nothing to hold yet."""
        if subscription not in self.deltas:
            return None
        if subscription not in self._begun:
            self._begun[subscription] = self._holds.begin(subscription, self.deltas[subscription])
        return self._begun[subscription]


class Holds:
    """Every hold that some viewer still refers to.

    A tick costs a merge for each hold, not for each viewer that waits, and each merge a few rows, not all sources.
    """

    def __init__(self) -> None:
        self._held: WeakSet[Hold] = WeakSet()

    def __len__(self) -> int:
        return len(self._held)

    def begin(self, subscription: Subscription, delta: Delta) -> Hold:
        """Return a hold that starts with these changes."""
        hold = Hold(subscription, delta.brief())
        self._held.add(hold)
        return hold

    def tick(self, now: float, deltas: Mapping[Subscription, Delta]) -> Tick:
        """Add the changes of one tick to every hold, and return the tick.

        :param now: monotonic seconds
        """
        held = list(self._held)
        watched = {hold.subscription for hold in held}
        brief = {subscription: deltas[subscription].brief() for subscription in watched if subscription in deltas}
        for hold in held:
            hold.add(brief.get(hold.subscription), now)
        return Tick(now, deltas, self)
