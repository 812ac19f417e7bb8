"""Rates of the pipeline, computed from samples of the ledger. An unknown rate is None, never 0."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypedDict

from processing.ledger.ledger import Equation

# Samples further apart give no current rate: there were no viewers in between.
MAX_APART = 5_000  # ms
# Between closer samples a single commit would look like a rate: ten events in 5 ms are not 2,000/s.
MIN_APART = 500  # ms


class Rates(TypedDict):
    """Events per second."""

    accepted: float | None
    stored: float | None


class RatePoint(NamedTuple):
    """One point of the rate chart, in events per second."""

    at: int  # ms since the epoch
    accepted: float | None
    stored: float | None


class Account(NamedTuple):
    """The ledger at one moment."""

    at: int  # ms since the epoch
    ledger: Equation | None


UNKNOWN: Rates = {"accepted": None, "stored": None}


def rates(before: Account | None, now: Account) -> Rates:
    """Return the rates between two samples."""
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
    """Return points of the rate chart as columns."""
    kept = list(points)
    return {
        "at": [point.at for point in kept],
        "accepted": [point.accepted for point in kept],
        "stored": [point.stored for point in kept],
    }


def _grown(before: int | None, now: int | None, seconds: float) -> float | None:
    if before is None or now is None:
        return None
    # The number in flight is an estimate, so the sum may decrease a little.
    return max(now - before, 0) / seconds
