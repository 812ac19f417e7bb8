"""Measures what logic costs the consumer: by itself, and in the whole of its work on each event."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

import msgspec
import psutil
from psycopg.types.json import Json

from deploy.bench.figures import Figure
from deploy.bench.logic.variants import NONE, SCHEMA, SITES, VARIANTS
from deploy.bench.measurements.raw import PER_RECORD, fill, make_lines
from deploy.bench.stack import Stack, fresh_stack
from deploy.bench.usage import Meter
from deploy.testing.servers import Servers
from ingestion.events import timestamps
from ingestion.kafka import record_encoder
from processing.events import decoding
from processing.events.batch import Batch, Record
from processing.logic.engine import Logic
from processing.logic.schemas.schema import compile_schema
from processing.logic.tables.lookup_table import LookupTable

EVENTS = 30_000  # each time that a variant is measured in the consumer
TURNS = 16  # of all variants, one after the other
BATCH = 5_000  # events, as the consumer takes them under load
PURE_TURNS = 30
LIMIT = 120.0  # seconds


class Cost(NamedTuple):
    """CPU time of an event, in microseconds."""

    whole: float
    above: float  # what it is without logic

    @property
    def percent(self) -> float:
        """Return by how much logic makes an event dearer."""
        return self.above / (self.whole - self.above) * 100


def measure(servers: Servers, name: str) -> Iterator[Figure]:
    """Measure each variant in turn, several times, so that a change of the machine's speed meets all of them."""
    yield from _figures(_pure(), "decoding and judging alone")
    with fresh_stack(servers, name) as stack:
        yield from _figures(_in_consumer(stack), "the consumer")


def _figures(costs: Mapping[str, Cost], how: str) -> Iterator[Figure]:
    for variant, cost in costs.items():
        above = {} if variant == NONE else {"us above": cost.above, "% above": cost.percent}
        yield Figure(f"{variant}: {how}", {"us/event": cost.whole, **above}, "CPU time")


def _pure() -> dict[str, Cost]:
    schemas, tables = {"reading": compile_schema(SCHEMA)}, {"sites": LookupTable.from_csv(SITES, "site")}
    logics = {
        variant: Logic(number, content, schemas, tables) for number, (variant, content) in enumerate(VARIANTS.items())
    }
    lines = [line for _, line in make_lines(BATCH, prefix="bench")]
    headers = record_encoder.headers(count=PER_RECORD)
    now = timestamps.now()
    records = [
        Record(0, begin, now, b"\n".join(lines[begin : begin + PER_RECORD]), headers)
        for begin in range(0, BATCH, PER_RECORD)
    ]

    def once(variant: str) -> float:
        batch = Batch(list(records))
        begin = time.process_time()
        decoding.decode(batch, now=now, judge=logics[variant].judge)
        return (time.process_time() - begin) / BATCH

    # The least, since whatever else the machine does only adds.
    least = {variant: min(found) for variant, found in _in_turns(once, PURE_TURNS).items()}
    return {variant: Cost(whole, whole - least[NONE]) for variant, whole in least.items()}


def _in_consumer(stack: Stack) -> dict[str, Cost]:
    numbers = _save(stack)
    settled = 0
    stack.start_consumer()

    def settle(count: int) -> None:
        nonlocal settled
        # As from a backlog: else the consumer takes whatever small batch has come in.
        with _suspended(stack.pids["consumer"]):
            fill(stack.servers.kafka.address, stack.raw_topic, make_lines(count, prefix="reading"))
        settled += count
        stack.stores.wait_until_settled(settled, seconds=LIMIT, alive=stack.consumer_alive)

    def once(variant: str) -> float:
        _activate(stack, numbers[variant])
        # The batch that meets another revision is judged anew, and its logic is compiled.
        settle(BATCH)
        with Meter({"consumer": stack.pids["consumer"]}) as meter:
            settle(EVENTS)
        return meter.cpu["consumer"] / EVENTS

    settle(EVENTS)
    return _beside_none(_in_turns(once, TURNS))


def _beside_none(found: Mapping[str, list[float]]) -> dict[str, Cost]:
    """Compare each variant with the turn's own measurement without logic, and take the median of the ratios.

    From turn to turn the same work takes up to a third more or less CPU time, by what the stores do beside it.
    """
    none = median(found[NONE])
    ratios = {
        variant: median(one / other for one, other in zip(all_, found[NONE], strict=True))
        for variant, all_ in found.items()
    }
    return {variant: Cost(none * ratio, none * (ratio - 1)) for variant, ratio in ratios.items()}


@contextmanager
def _suspended(pid: int) -> Iterator[None]:
    process = psutil.Process(pid)
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def _in_turns(once: Callable[[str], float], turns: int) -> dict[str, list[float]]:
    """Measure all variants in turn, in the other order every second time; return microseconds."""
    seconds: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for turn in range(turns):
        for variant in list(VARIANTS)[:: 1 if turn % 2 else -1]:
            seconds[variant].append(once(variant) * 1e6)
    return seconds


def _save(stack: Stack) -> dict[str, int]:
    """Save each variant as a revision and return their numbers."""
    table = LookupTable.from_csv(SITES, "site")
    columns = Json([{"name": name, "type": kind} for name, kind in table.columns.items()])
    with stack.stores.connect() as connection:
        connection.execute(
            "INSERT INTO schema_version (name, version, document, created_at, created_by)"
            " VALUES ('reading', 1, %s, now(), 'bench')",
            [Json(SCHEMA)],
        )
        connection.execute(
            "INSERT INTO lookup_table_version (name, version, key, columns, rows, data, created_at, created_by)"
            " VALUES ('sites', 1, 'site', %s, %s, %s, now(), 'bench')",
            [columns, len(table), table.dump()],
        )
        for number, content in enumerate(list(VARIANTS.values())[1:], start=1):
            connection.execute(
                "INSERT INTO logic_revision (number, content, created_at, created_by, reason)"
                " VALUES (%s, %s, now(), 'bench', '')",
                [number, Json(msgspec.to_builtins(content))],
            )
    return {variant: number for number, variant in enumerate(VARIANTS)}


def _activate(stack: Stack, number: int) -> None:
    with stack.stores.connect() as connection:
        connection.execute(
            "INSERT INTO logic_activation (revision, at, who, reason) VALUES (%s, now(), 'bench', '')", [number]
        )
