"""Says in one sentence why a source is as it is. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from queries.sources.health.causes import Cause
from queries.sources.health.minutes import Run
from queries.sources.health.state import BEHIND, Facts, State

_LENGTHS = ((120.0, 1.0, "s"), (7_200.0, 60.0, "min"), (172_800.0, 3_600.0, "h"), (float("inf"), 86_400.0, "d"))


class Sentence(NamedTuple):
    """A sentence in which a time may stand, which pages write in the zone of their reader."""

    text: str
    at: float | None = None  # seconds since the epoch, between `text` and `rest`
    rest: str = ""


def length(seconds: float) -> str:
    """Return a length of time in words: 0.5 s, 10 s, 5 min, 3 h, 2 d."""
    if seconds < 10:
        return f"{max(0.0, seconds):.2g} s"
    unit, name = next((unit, name) for limit, unit, name in _LENGTHS if seconds < limit)
    return f"{round(seconds / unit)} {name}"


def sentence(facts: Facts, state: State, *, now: float, run: Run | None = None, cause: Cause | None = None) -> Sentence:
    """Return why a source is in a state.

    :param now: seconds since the epoch
    :param run: its failures
    :param cause: of the newest of them
    """
    return _failing(facts, run, cause) if state == "failing" else _SENTENCES[state](facts, now)


def _failing(facts: Facts, run: Run | None, cause: Cause | None) -> Sentence:
    why = f": {cause.text}." if cause else "."
    if run is None:
        text = f"All {facts.dead_lettered:,} events failed" if facts.dead_lettered == facts.read else "Set aside"
        return Sentence(f"{text}{why}")
    return Sentence(f"{run.failed:,} of {run.read:,} events since ", run.since, f" failed{why}")


def _silent(facts: Facts, now: float) -> Sentence:
    return Sentence(f"Silent for {length(now - (facts.last_seen or now))}; {_habit(facts)}.")


def _late(facts: Facts, now: float) -> Sentence:
    if facts.behind > BEHIND:
        return Sentence(f"What it sent in the last {length(facts.behind)} is not read yet.")
    return Sentence(f"Nothing for {length(now - (facts.last_seen or now))}; {_habit(facts)}.")


def _skewed(facts: Facts, now: float) -> Sentence:
    seconds = facts.skew or 0.0
    return Sentence(f"Its clock is {length(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'} the receivers'.")


def _new(facts: Facts, now: float) -> Sentence:
    if facts.last_seen is None:
        return Sentence("Nothing was received yet.") if not facts.behind else Sentence("Nothing was read yet.")
    return Sentence(
        f"{facts.read:,} event{'' if facts.read == 1 else 's'} so far; how often it sends is not known yet."
    )


def _habit(facts: Facts) -> str:
    if facts.expected is not None:
        return f"it should send every {length(facts.expected)}"
    if facts.usual is not None:
        return f"it usually sends every {length(facts.usual)}"
    return "how often it sends is not known"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


_SENTENCES: dict[State, Callable[[Facts, float], Sentence]] = {
    "disabled": lambda facts, now: Sentence("Disabled: receivers reject its events."),
    "held": lambda facts, now: Sentence(f"Waits: partition {facts.partition} is held since ", facts.held_since, "."),
    "silent": _silent,
    "late": _late,
    "skewed": _skewed,
    "new": _new,
    "live": lambda facts, now: Sentence(f"{_capital(_habit(facts))}."),
}
