"""Learns how often a source sends, from what it sent last. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

MINUTE = 60.0  # seconds
FEWEST = 3  # receipts, or minutes with any; two gaps at least
HISTORY = 3.0  # times longer is the time that events are of than that in which they came


class Habit(NamedTuple):
    """How a source sends."""

    interval: float | None  # seconds between two sendings; None: too few events
    skew: float | None  # seconds by which its clock is ahead of the receivers'; None: there are no events
    is_history: bool  # its events are of a longer time than they took to arrive: an import, no wrong clock
    spacing: float | None = None  # seconds between the times of its events; None: too few


UNKNOWN = Habit(None, None, is_history=False)


def learn(events: Sequence[tuple[float, float]], minutes: Sequence[float]) -> Habit:
    """Return how a source sends.

    :param events: the newest ones: when each was received, and its own time; seconds since the epoch
    :param minutes: the starts of the last minutes or hours in which anything was received
    """
    receipts = sorted({received for received, _ in events})
    gaps = _gaps(sorted(minutes))
    by_minute = statistics.median(gaps) if len(gaps) >= FEWEST - 1 else None
    interval = by_minute
    if by_minute is None or by_minute <= MINUTE:
        # The minutes can't tell what is shorter; several events of one sending came at one time.
        finer = _gaps(receipts)
        interval = statistics.median(finer) if len(finer) >= FEWEST - 1 else by_minute
    own = _gaps(sorted({time for _, time in events}))
    spacing = statistics.median(own) if len(own) >= FEWEST - 1 else None
    return Habit(interval, _skew(events), is_history=_is_history(events, receipts), spacing=spacing)


def _gaps(times: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def _skew(events: Sequence[tuple[float, float]]) -> float | None:
    return statistics.median(own - received for received, own in events) if events else None


def _is_history(events: Sequence[tuple[float, float]], receipts: Sequence[float]) -> bool:
    if len(events) < FEWEST:
        return False
    own = [time for _, time in events]
    took, spans = receipts[-1] - receipts[0], max(own) - min(own)
    return spans > HISTORY * max(took, MINUTE)
