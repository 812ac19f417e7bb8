"""Writes the tables of docs/scaling.md."""

from __future__ import annotations

import re
from collections.abc import Iterable

from deploy.sizing import calculation
from deploy.sizing.calculation import Load, Sizes, calculate
from deploy.sizing.measured import Cpu, Measured

PART = re.compile(r"(<!-- sizes -->\n).*?(<!-- /sizes -->)", re.DOTALL)
LOADS = (
    Load(1_000),
    Load(1_000, single=True),
    Load(10_000),
    Load(10_000, single=True),
    Load(10_000, every=300.0),
    Load(50_000),
    Load(100_000),
    Load(300_000),
)
COLUMNS = (
    *("events/s", "partitions", "receivers", "consumers", "their memory", "brokers: disk, memory"),
    *("each PostgreSQL: cores, disk, memory", "each MongoDB: cores, disk, memory"),
)
_TERABYTE = 1_000  # GB


def replaced(page: str, measured: Measured) -> str:
    """Return the page with its tables as they are calculated now.

    :raises ValueError: the page has no place for them
    """
    if not PART.search(page):
        raise ValueError("docs/scaling.md has no marks <!-- sizes --> and <!-- /sizes -->")
    return PART.sub(lambda found: f"{found[1]}{tables(measured)}{found[2]}", page)


def tables(measured: Measured) -> str:
    """Return what an event costs, and what each load takes."""
    costs = [_cost("arrays of 100", measured.arrays), _cost("one event a request", measured.single)]
    header = ("µs of CPU an event", "ingest", "consumer", "Kafka", "PostgreSQL", "MongoDB", "all")
    sizes = [row(load, calculate(load, measured)) for load in LOADS]
    return f"{_table(header, costs)}\n{_table(COLUMNS, sizes)}"


def row(load: Load, sizes: Sizes) -> list[str]:
    """Return the cells of one load."""
    return [
        name(load),
        str(sizes.partitions),
        str(sizes.receivers),
        str(sizes.consumers),
        size(sizes.product_memory),
        f"{sizes.brokers}: {size(sizes.broker_disk)}, {size(sizes.broker_memory)}",
        f"{sizes.postgres_cores}, {size(sizes.postgres_disk)}, {size(sizes.postgres_memory)}",
        f"{sizes.mongo_cores}, {size(sizes.mongo_disk)}, {size(sizes.mongo_memory)}",
    ]


def name(load: Load) -> str:
    """Return a load in words."""
    words = [f"{load.events:,.0f}"]
    words += ["one a request"] if load.single else []
    words += [f"a source each {load.every:g} s"] if load.every != Load(0).every else []
    return ", ".join(words)


def size(gigabytes: float) -> str:
    """Return a size with two digits that mean something."""
    unit, number = ("TB", gigabytes / _TERABYTE) if gigabytes >= _TERABYTE else ("GB", gigabytes)
    return f"{float(f'{number:.2g}'):,g} {unit}"


def _cost(load: str, cpu: Cpu) -> list[str]:
    parts = (cpu.ingest, cpu.consumer, cpu.kafka, cpu.postgresql, cpu.mongodb, calculation.cost(cpu))
    return [load, *(f"{part:.1f}" for part in parts)]


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(header)
    lines = [titles, ["---"] * len(titles), *(list(cells) for cells in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("| --- ", "|---").replace("--- |\n", "---|\n")
