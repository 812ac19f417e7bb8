"""Measures bytes an event in each store and topic, events/s a core and memory, for several shapes of load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deploy.bench.figures import Figure
from deploy.bench.load.events import arrays
from deploy.bench.load.sender import send
from deploy.bench.sizing import sizes
from deploy.bench.sizing.shapes import FEW, NORMAL, Shape, make_events
from deploy.bench.stack import Stack, fresh_stack
from deploy.bench.usage import Meter
from deploy.testing.servers import Servers

EVENTS = 50_000
ARRAY = 100
LIMIT = 300.0  # seconds
SHAPES = (
    # How often a source sends: from events that share their minutes' rollups to events that share none.
    Shape(sources=100, fields=NORMAL, every=0.1),
    Shape(sources=100, fields=NORMAL, every=10),
    Shape(sources=100, fields=NORMAL, every=300),
    # The number of sources, then of fields.
    Shape(sources=10, fields=NORMAL, every=10),
    Shape(sources=1_000, fields=NORMAL, every=10),
    Shape(sources=100, fields=FEW, every=10),
    Shape(sources=100, fields=40, every=10),
)


def measure(servers: Servers, name: str, *, events: int = EVENTS) -> Iterator[Figure]:
    """Send events of each shape into empty stores; refuse a result if they do not hold every event once."""
    for number, shape in enumerate(SHAPES):
        with fresh_stack(servers, f"{name}_{number}") as stack:
            yield from _measure(stack, shape, events)


def _measure(stack: Stack, shape: Shape, events: int) -> Iterator[Figure]:
    stack.start_ingest()
    count = stack.warm_up() + events
    sent = list(make_events(events, shape))
    before, rows_before = _bytes(stack), _rows(stack)
    with Meter(stack.pids) as meter:
        send(arrays(sent, size=ARRAY), port=stack.ingest_port, connections=8)
        stack.stores.wait_until_counted(count, seconds=LIMIT, alive=stack.consumer_alive)
    # It ends its batch, so that everything is published.
    stack.stop_consumer()
    stack.stores.check_counts(count)
    growth = grown(before, _bytes(stack))
    new_rows = grown(rows_before, _rows(stack))
    sizes_note = (
        f"{events:,} events of {sum(map(len, sent)) / events:.0f} bytes in arrays of {ARRAY}; tables with indexes"
    )
    yield Figure(shape.name, per_event(growth, events), sizes_note)
    yield Figure(f"– rows, {shape.name}", per_row(growth, new_rows, events), "received at once, so the ledger is short")
    yield Figure(f"– speed and memory, {shape.name}", _takes(meter, events), "by CPU time; the peak under full load")


def _bytes(stack: Stack) -> dict[str, int]:
    raw, processed = sizes.of_topics(stack.servers.kafka.address, [stack.raw_topic, stack.processed_topic])
    with stack.stores.connect() as connection:
        tables = sizes.of_tables(connection)
    documents = sizes.of_documents(stack.servers.mongo.uri, stack.stores.name)
    return {"raw topic": raw, "processed topic": processed, **tables, "MongoDB": documents}


def _rows(stack: Stack) -> dict[str, int]:
    with stack.stores.connect() as connection:
        return sizes.rows(connection)


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return by how much each place has grown."""
    return {place: size - before[place] for place, size in after.items()}


def per_event(growth: Mapping[str, int], events: int) -> dict[str, float]:
    """Return bytes an event in each place, and in PostgreSQL as a whole."""
    total = sum(growth[table] for table in sizes.TABLES)
    return {f"B/event {place}": size / events for place, size in {**growth, "PostgreSQL in all": total}.items()}


def per_row(growth: Mapping[str, int], rows: Mapping[str, int], events: int) -> dict[str, float]:
    """Return rows an event and bytes a row of the tables that grow with sources, fields and time."""
    values = {}
    for table in ("rollups", "ledger"):
        values[f"rows/event {table}"] = rows[table] / events
        values[f"B/row {table}"] = growth[table] / max(1, rows[table])
    return values


def _takes(meter: Meter, events: int) -> dict[str, float]:
    speed = {f"events/s a core of {name}": events / meter.cpu[name] for name in ("ingest", "consumer")}
    memory = {f"MB {name}": meter.peak[name] / 1e6 for name in ("ingest", "consumer")}
    return speed | memory
