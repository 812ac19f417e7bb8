"""States of sources in words, and lengths of time. Pure."""

from __future__ import annotations

from queries.sources.health.reasons import length
from queries.sources.health.state import State

TONES: dict[State, str] = {
    "held": "bad",
    "failing": "bad",
    "silent": "bad",
    "late": "warn",
    "skewed": "warn",
    "new": "plain",
    "disabled": "plain",
    "live": "good",
}
TITLES: dict[State, str] = {state: state.capitalize() for state in TONES}
# Seconds; the receivers' clocks and the way to them differ by less.
NO_SKEW = 2.0


def skew(seconds: float | None) -> str:
    """Return how far a clock is from the receivers'."""
    if seconds is None:
        return "–"
    if abs(seconds) < NO_SKEW:
        return "on time"
    return f"{'+' if seconds > 0 else '-'}{length(abs(seconds))}"
