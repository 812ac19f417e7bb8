"""The servers: whether each answers, how fast now, and how fast in the last hour, as points of a line."""

from __future__ import annotations

import statistics
from typing import Literal, TypedDict

from queries.pipeline.measured.measurements import LatencyHistory
from queries.schemas import Stores

NAMES: list[tuple[Literal["kafka", "postgresql", "mongodb", "redis"], str]] = [
    ("kafka", "Kafka"), ("postgresql", "PostgreSQL"), ("mongodb", "MongoDB"), ("redis", "Redis")
]  # fmt: skip
WIDTH, HEIGHT = 240.0, 36.0
HOUR = 3_600_000  # ms
HOLE = 45_000  # ms without a sample, after which the line is interrupted


class StoreRow(TypedDict):
    """One server; None: unknown."""

    name: str
    title: str
    state: str
    latencyMs: float | None
    medianMs: float | None  # of the last hour
    highestMs: float | None
    failed: int | None  # samples without an answer in the last hour
    samples: int


class StoreLine(TypedDict):
    """The last hour of a server as SVG."""

    lines: list[str]  # points of polylines
    failures: list[float]  # places of samples without an answer


def rows(states: Stores | None, history: LatencyHistory | None) -> list[StoreRow]:
    """Return the servers."""
    return [_row(name, title, states, history) for name, title in NAMES]


def _row(
    name: Literal["kafka", "postgresql", "mongodb", "redis"],
    title: str,
    states: Stores | None,
    history: LatencyHistory | None,
) -> StoreRow:
    known = [value for value in (history[name] if history else ()) if value is not None]
    samples = len(history["at"]) if history else 0
    return {
        "name": name,
        "title": title,
        "state": "unknown" if states is None else states[name]["state"],
        "latencyMs": None if states is None else states[name]["latencyMs"],
        "medianMs": round(statistics.median(known), 2) if known else None,
        "highestMs": max(known, default=None),
        "failed": samples - len(known) if samples else None,
        "samples": samples,
    }


def line(name: str, history: LatencyHistory | None, *, now: int) -> StoreLine:
    """Return the last hour of a server.

    :param now: ms since the epoch
    """
    if not history:
        return {"lines": [], "failures": []}
    points = list(zip(history["at"], history[name], strict=True))  # type: ignore[literal-required]
    highest = max((value for _, value in points if value is not None), default=0.0) or 1.0
    lines: list[list[str]] = [[]]
    failures, before = [], None
    for at, value in points:
        if value is None or (before is not None and at - before > HOLE):
            lines.append([])
        if value is None:
            failures.append(_place(at, now))
        else:
            lines[-1].append(f"{_place(at, now)},{HEIGHT - 2 - value / highest * (HEIGHT - 4):.1f}")
        before = at
    return {"lines": [" ".join(each) for each in lines if len(each) > 1], "failures": failures}


def _place(at: int, now: int) -> float:
    return round(max(0.0, WIDTH * (1 - (now - at) / HOUR)), 1)
