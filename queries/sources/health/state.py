"""Decides how a source is, from facts about it. Pure: the time comes in as an argument."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

State = Literal["held", "failing", "silent", "late", "skewed", "new", "disabled", "live"]

# Worst first, as lists have them. What a person disabled needs nobody.
STATES: tuple[State, ...] = get_args(State)

LATE, SILENT = 2, 5  # intervals without an event
# Seconds. What is received is read, and pages are made, some seconds later; below these a source is not called late.
LEAST_LATE, LEAST_SILENT = 15.0, 30.0
# Seconds without an event, where too few came to tell an interval.
SILENT_WITHOUT_INTERVAL = 86_400.0
UNREAD = 5.0  # seconds that the partition of a source is behind, without which its rate is too far off
BEHIND = 60.0  # seconds that the partition of a source is behind, of which then nothing newer is known
FAILING_SHARE = 0.1  # of what a source sent lately
RECOVERED = 300.0  # seconds in which everything was stored
SKEWED = 3_600.0  # seconds between the newest event time and its receipt; gateways that collect for minutes are well


class Failures(NamedTuple):
    """What became of the events of a source in the last half hour, in which some became dead letters."""

    read: int
    failed: int
    last_bad: float  # the last minute with a dead letter
    last_good: float | None  # the last minute with another outcome


class Facts(NamedTuple):
    """What the state of a source follows from. Times are seconds since the epoch."""

    source_id: str
    enabled: bool = True
    registered: float | None = None
    last_seen: float | None = None  # None: nothing of it was ever read
    read: int = 0
    stored: int = 0
    dead_lettered: int = 0
    latest_event: float | None = None  # its newest event time
    expected: float | None = None  # seconds between two events, as somebody set it
    usual: float | None = None  # the same, as learned; None: not known
    is_scarce: bool = False  # too few of its events came to tell how often it sends
    is_history: bool = False  # its events are of a longer time than they took to arrive
    failures: Failures | None = None  # None: no dead letter lately
    set_aside_until: float | None = None  # receivers reject its events until then
    partition: int | None = None
    held_since: float | None = None  # its partition is
    behind: float = 0.0  # seconds that its partition is behind

    @property
    def interval(self) -> float | None:
        """Return the seconds between two events; None: not known."""
        return self.expected if self.expected is not None else self.usual

    @property
    def silent_after(self) -> float:
        """Return after how many seconds without an event it is silent."""
        interval = self.interval
        return SILENT_WITHOUT_INTERVAL if interval is None else max(LEAST_SILENT, SILENT * interval)

    @property
    def late_after(self) -> float:
        """Return after how many seconds without an event it is late."""
        interval = self.interval
        return SILENT_WITHOUT_INTERVAL if interval is None else max(LEAST_LATE, LATE * interval)

    @property
    def waits(self) -> bool:
        """Return whether so much of what it sent is not read yet that nobody knows its rate."""
        return self.behind > UNREAD

    @property
    def skew(self) -> float | None:
        """Return how far its clock is ahead of the receivers', in seconds, by its newest event; None: not known."""
        return None if self.latest_event is None or self.last_seen is None else self.latest_event - self.last_seen


def decide(facts: Facts, *, now: float) -> State:  # noqa: PLR0911 - one return for each state
    """Return how a source is. The first that holds counts, in this order.

    :param now: seconds since the epoch
    """
    if not facts.enabled:
        return "disabled"
    if _is_held(facts):
        return "held"
    if is_failing(facts, now=now):
        return "failing"
    if facts.last_seen is None:
        return "new"
    silence = now - facts.behind - facts.last_seen
    if silence > facts.silent_after:
        return "silent"
    if silence > facts.late_after or facts.behind > BEHIND:
        return "late"
    if facts.skew is not None and abs(facts.skew) > SKEWED and not facts.is_history:
        return "skewed"
    return "new" if facts.is_scarce else "live"


def is_failing(facts: Facts, *, now: float) -> bool:
    """Return whether a good part of what a source sends becomes dead letters."""
    if facts.set_aside_until is not None and facts.set_aside_until > now:
        return True
    if facts.dead_lettered and facts.read == facts.dead_lettered:
        return True
    lately = facts.failures
    if lately is None or lately.failed < lately.read * FAILING_SHARE:
        return False
    return lately.last_good is None or lately.last_good < lately.last_bad + RECOVERED


def _is_held(facts: Facts) -> bool:
    """Return whether its events wait in a held partition. A source that was silent before sends none that could."""
    if facts.held_since is None:
        return False
    return facts.last_seen is None or facts.held_since - facts.last_seen <= facts.silent_after
