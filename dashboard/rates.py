"""How fast the pipeline goes, from samples of the ledger. Unknown is None, never 0."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypedDict

from processing.ledger import Equation

# Samples further apart say nothing about now: nobody watched in between.
MAX_APART = 5_000  # ms
# Closer ones would make a rate of a commit that happens to lie between them: ten events in 5 ms are not 2,000/s.
MIN_APART = 500  # ms


class Rates(TypedDict):
    """Events a second."""

    accepted: float | None
    stored: float | None


class RatePoint(NamedTuple):
    at: int  # ms since the epoch
    accepted: float | None
    stored: float | None


class Account(NamedTuple):
    """The ledger as it stood at one moment."""

    at: int  # ms since the epoch
    ledger: Equation | None


UNKNOWN: Rates = {"accepted": None, "stored": None}


def rates(before: Account | None, now: Account) -> Rates:
    """Events a second between two samples."""
    if before is None or not MIN_APART <= now.at - before.at <= MAX_APART:
        return UNKNOWN
    if before.ledger is None or now.ledger is None:
        return UNKNOWN
    seconds = (now.at - before.at) / 1000
    return {
        "accepted": _grown(before.ledger["accepted"], now.ledger["accepted"], seconds),
        "stored": _grown(before.ledger["stored"], now.ledger["stored"], seconds),
    }


def rate_columns(points: Iterable[RatePoint]) -> dict[str, list[float | None]]:
    kept = list(points)
    return {
        "at": [point.at for point in kept],
        "accepted": [point.accepted for point in kept],
        "stored": [point.stored for point in kept],
    }


def _grown(before: int | None, now: int | None, seconds: float) -> float | None:
    if before is None or now is None:
        return None
    # What is in flight is estimated, so the sum may step back a little; events are never un-accepted.
    return max(now - before, 0) / seconds
