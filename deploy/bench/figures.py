"""The figures of a measurement, the median of several rounds, and the table that shows them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. Each value's name begins with its unit: "requests/s", "ms p50"."""

    name: str
    values: dict[str, float]
    note: str = ""


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the sorted values lie."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(ordered: Sequence[float], shares: Iterable[int] = (50, 99)) -> dict[str, float]:
    """Percentiles of sorted seconds, as values of a Figure."""
    return {f"ms p{share}": percentile(ordered, share / 100) * 1000 for share in shares}


def medians(rounds: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Return the median of each value of each figure over the rounds."""
    by_name: dict[str, list[Figure]] = {}
    for figure in (figure for figures in rounds for figure in figures):
        by_name.setdefault(figure.name, []).append(figure)
    return [_median(figures) for figures in by_name.values()]


def _median(figures: Sequence[Figure]) -> Figure:
    first = figures[0]
    values = {unit: statistics.median(figure.values[unit] for figure in figures) for unit in first.values}
    return Figure(first.name, values, first.note)


def table(figures: Iterable[Figure]) -> str:
    """Write the figures as one Markdown table, aligned for a terminal."""
    rows = [("what", "measured", "how")]
    rows += [(figure.name, in_words(figure.values), figure.note) for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def in_words(values: Mapping[str, float]) -> str:
    """Return values as they stand in a table, each with its unit behind it: "p50 3.2 ms, 1,200 requests/s"."""
    return ", ".join(_value(name, value) for name, value in values.items())


def _value(name: str, value: float) -> str:
    unit, _, what = name.partition(" ")
    number = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{what} {number} {unit}".strip()
