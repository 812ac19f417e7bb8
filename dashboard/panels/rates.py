"""The rates of this moment, computed from two samples of the ledger. An unknown rate is None, never 0."""

from __future__ import annotations

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


class Account(NamedTuple):
    """The ledger at one moment."""

    at: int  # ms since the epoch
    ledger: Equation | None
    acknowledged: float | None = None  # events per second, by the receivers' own counters


UNKNOWN: Rates = {"accepted": None, "stored": None}


def rates(before: Account | None, now: Account) -> Rates:
    """Return the rates between two samples.

    While only bounds of what waits are known, what was accepted is what the receivers acknowledged.
    """
    if before is None or not MIN_APART <= now.at - before.at <= MAX_APART:
        return UNKNOWN
    if before.ledger is None or now.ledger is None:
        return UNKNOWN
    seconds = (now.at - before.at) / 1000
    accepted = _grown(before.ledger["accepted"], now.ledger["accepted"], seconds)
    return {
        "accepted": now.acknowledged if accepted is None and now.ledger["inFlightRange"] else accepted,
        "stored": _grown(before.ledger["stored"], now.ledger["stored"], seconds),
    }


def _grown(before: int | None, now: int | None, seconds: float) -> float | None:
    if before is None or now is None:
        return None
    # Progress that was moved back reads records again, so the sum may decrease.
    return max(now - before, 0) / seconds
