"""Measures what months of events take in PostgreSQL before and after packing, how fast they are read, and rates on top."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from deploy.bench.figures import Figure, milliseconds
from deploy.bench.load.events import array_requests
from deploy.bench.load.sender import send
from deploy.bench.measurements.raw import fill
from deploy.bench.sizing import sizes
from deploy.bench.sizing.shapes import FEW, Shape, make_events
from deploy.bench.stack import Stack, fresh_stack
from deploy.bench.usage import cpu_seconds
from deploy.bench.watch import Watch
from deploy.local import ports
from deploy.testing.servers import Servers
from ingestion.events import timestamps
from ingestion.events.model import Event
from ingestion.events.parser import parse_event
from ingestion.kafka import record_encoder
from processing.stores.packed.rollups import HOURS

EVENTS = 10_000_000
WARM_UP, ON_TOP = 20_000, 200_000
IN_TURN = ("full", "empty", "empty", "full") * 3  # each early and late alike
SHAPE = Shape(sources=200, fields=FEW, every=300)
LIMIT = 7_200.0  # seconds
REQUESTS = 100
READ_TIMEOUT = 60.0  # seconds
# Packing is requested by hand, between two measurements.
ENVIRONMENT = {"DATAFLOW_PACK_EVERY_HOURS": "0"}
_MONTH = "SELECT count(*) FROM ({}) AS r WHERE source_id = 'sensor-7' AND field = 'humidity' AND {}"


def measure(servers: Servers, name: str, *, events: int = EVENTS) -> Iterator[Figure]:
    """Store the events as if they had come in over months, each at its time; then pack, and read before and after."""
    with fresh_stack(servers, name, ENVIRONMENT) as stack:
        fill(servers.kafka.address, stack.raw_topic, _lines(events))
        stack.start_consumer()
        stack.stores.wait_until_settled(events, seconds=LIMIT, alive=stack.consumer_alive)
        stack.start_web()
        yield from _sizes(stack, events, "as stored")
        yield from _reads(stack, events, "as stored")
        yield from _pack(stack, events)
        yield from _sizes(stack, events, "packed")
        yield from _reads(stack, events, "packed")
        stack.stores.check_exact(events)
        with fresh_stack(servers, f"{name}_empty", ENVIRONMENT) as empty:
            empty.start_consumer()
            yield _rates(stack, empty, events)


def _lines(events: int) -> Iterator[tuple[Event, bytes]]:
    now = timestamps.now()
    for text in make_events(events, SHAPE):
        event = parse_event(text, now=now)
        yield event, record_encoder.line(event, received=event.ts)


def _sizes(stack: Stack, events: int, state: str) -> Iterator[Figure]:
    with stack.stores.connect() as connection:
        connection.execute("CHECKPOINT")
        found = sizes.of_tables(connection)
        cutoff = datetime.now(UTC) - timedelta(days=30)
        month = _MONTH.format(HOURS.read(("count",)), "start >= %s AND day >= %s")
        [(plan,)] = connection.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {month}", [cutoff, cutoff.date()]
        ).fetchall()
    total = sum(found[table] for table in sizes.TABLES)
    values = {f"GB {table}": size / 1e9 for table, size in {"in all": total, **found}.items()}
    yield Figure(f"{events:,} events, {state}", values, f"tables with indexes; {SHAPE.name}")
    buffers = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    yield Figure(f"– a month of one field's hours, {state}", {"pages": buffers}, "8 kB each")


def _reads(stack: Stack, events: int, state: str) -> Iterator[Figure]:
    history = timedelta(seconds=events / SHAPE.sources * SHAPE.every)
    connection = http.client.HTTPConnection(ports.HOST, stack.web_port, timeout=READ_TIMEOUT)
    for what, parameters in {
        "hours of 30 days, one field of one source": {"interval": "1h", "field": "humidity"},
        "minutes of a day, one field of one source": {"interval": "1m", "field": "humidity"},
        "days of 30 days, one field of all sources": {"interval": "1d", "field": "humidity"},
    }.items():
        span = timedelta(days=1 if parameters["interval"] == "1m" else 30)
        requests = [_request(parameters, number, span, history) for number in range(REQUESTS)]
        taken = sorted(_seconds(connection, path) for path in requests)
        yield Figure(f"– {what}, {state}", milliseconds(taken, (50, 95)), f"{REQUESTS} requests, none of them cached")


def _request(parameters: dict[str, str], number: int, length: timedelta, history: timedelta) -> str:
    # Other times each, so that no answer is one that is kept.
    end = datetime.now(UTC) - max(history - length, timedelta()) * number / REQUESTS
    span = {"start_time": _text(end - length), "end_time": _text(end)}
    source = {} if parameters["interval"] == "1d" else {"source_id": f"sensor-{number * 7 % SHAPE.sources}"}
    return f"/api/data/aggregate/?{urlencode({**parameters, **span, **source})}"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(connection: http.client.HTTPConnection, path: str) -> float:
    began = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    taken = time.perf_counter() - began
    if response.status != 200 or not json.loads(body)["results"]:
        raise RuntimeError(f"{path}: {response.status} {body[:200]!r}")
    return taken


def _pack(stack: Stack, events: int) -> Iterator[Figure]:
    postgres = stack.pids["PostgreSQL"]
    before, began = cpu_seconds(postgres), time.monotonic()
    stack.manage("pack", seconds=LIMIT)
    values = {"s": time.monotonic() - began, "s of PostgreSQL's CPU": cpu_seconds(postgres) - before}
    yield Figure(f"– packing {events:,} events", values, "manage.py pack, in transactions of 20,000 rows")


def _rates(full: Stack, empty: Stack, events: int) -> Figure:
    # It is about the tables, so both consumers start with them as they are.
    full.stop_consumer()
    full.start_consumer()
    stacks = {"full": full, "empty": empty}
    for stack in stacks.values():
        stack.start_ingest()
        _rate(stack, WARM_UP, prefix="warm")
    rates: dict[str, list[float]] = {name: [] for name in stacks}
    for number, name in enumerate(IN_TURN):
        rates[name].append(_rate(stacks[name], ON_TOP, prefix=f"top-{number}"))
    on_top, on_empty = (statistics.fmean(rates[name]) for name in stacks)
    return Figure(
        f"end to end on {events:,} rows",
        {"events/s": on_top, "events/s on empty tables": on_empty, "x": on_top / on_empty},
        f"mean of {len(rates['full'])} times {ON_TOP:,} events in arrays of 100, in turn, by consumers just started",
    )


def _rate(stack: Stack, count: int, *, prefix: str) -> float:
    """Return the events/s from the first request to the last event in both stores."""
    settled = stack.stores.settled() + count
    end = Watch(lambda: stack.stores.wait_until_settled(settled, seconds=LIMIT, alive=stack.consumer_alive))
    answers = send(array_requests(count, size=100, prefix=prefix), port=stack.ingest_port, connections=8)
    return count / (end.moment() - answers.started)
