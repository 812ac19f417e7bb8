"""Reads what an event costs from the tables of docs/performance.md, so that a new measurement changes the sizes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "performance.md"
FIELDS = 9
_PARTS = ("ingest", "consumer", "kafka", "postgresql", "mongodb")


@dataclass(frozen=True, slots=True)
class Shape:
    """What one event of nine fields takes in bytes, with indexes and without copies, and of the consumer's time."""

    raw: int
    processed: int
    rows: int
    rollups: int  # before they are packed
    documents: int
    consumer: float  # µs, where it comes in arrays of 100


@dataclass(frozen=True, slots=True)
class Cpu:
    """Microseconds of CPU time that one event takes in each part."""

    ingest: float
    consumer: float
    kafka: float
    postgresql: float
    mongodb: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What the calculation begins with."""

    arrays: Cpu  # of 100 events, 8 connections
    single: Cpu  # one event a request, 32 connections
    shapes: dict[float, Shape]  # by the seconds between two events of one of 100 sources
    packed: float  # bytes of packed rollups for each byte before
    ingest_mb: float  # peak
    consumer_mb: float


def read(page: str) -> Measured:
    """Read the tables.

    :raises ValueError: one is not as it was
    """
    sizing, peers = _table(page, "sizing"), _table(page, "peers")
    shapes = {row[0]: row for row in sizing}
    rows = {every: shapes[f"100, {FIELDS}, {every:g} s"] for every in (0.1, 10.0, 300.0)}
    before, after = (float(found) for found in re.findall(r"rollups ([\d.]+)", _part(page, "disk")))
    peaks = [_numbers(row[9]) for row in rows.values()]
    return Measured(
        arrays=_cpu(peers, "arrays of 100"),
        single=_cpu(peers, "single events"),
        shapes={every: _shape(row) for every, row in rows.items()},
        packed=after / before,
        ingest_mb=max(peak[0] for peak in peaks),
        consumer_mb=max(peak[1] for peak in peaks),
    )


def _shape(row: list[str]) -> Shape:
    raw, processed, events, rollups, documents = (round(_numbers(cell)[0]) for cell in row[2:7])
    _, consumer = _numbers(row[8])  # events/s of a core
    return Shape(raw, processed, events, rollups, documents, 1e6 / consumer)


def _cpu(rows: list[list[str]], load: str) -> Cpu:
    row = next(row for row in rows if row[0].startswith(load) and "product" in row[0])
    return Cpu(**dict(zip(_PARTS, _numbers(row[5]), strict=True)))


def _table(page: str, name: str) -> list[list[str]]:
    lines = [line for line in _part(page, name).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _part(page: str, name: str) -> str:
    found = re.search(rf"<!-- {name} -->(.*?)<!-- /{name} -->", page, re.DOTALL)
    if found is None:
        raise ValueError(f"{PAGE.name} has no table {name}")
    return found[1]


def _numbers(cell: str) -> list[float]:
    # A comma before three digits separates thousands, one before a blank two numbers.
    return [float(number) for number in re.sub(r",(?=\d{3}\b)", "", cell).replace(",", " ").split()]
