"""Measures ingest with and without a reader at full speed beside it, in turn."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing.synchronize import Event

from deploy.bench.load.events import array_requests
from deploy.bench.load.sender import LoadFailed, send
from deploy.bench.queries.client import Client
from deploy.bench.queries.deployment import Filled
from deploy.bench.queries.lines import Limit, Line
from deploy.bench.stack import Stack
from deploy.bench.watch import Watch

EVENTS = 150_000
WARM_UP = 10_000
IN_TURN = (False, True, True, False) * 2  # whether somebody reads
PREFIX = "zz-load"  # of the sources: after all others, and the same each time, so that a kept folder changes little
LEAST = 80  # % of the rate without a reader
LIMIT = 300.0  # seconds
_SOURCES = 200


def measure(filled: Filled) -> Iterator[Line]:
    """Send as fast as the receiver accepts, and wait until all is stored, with and without a reader."""
    stack = filled.stack
    stack.start_ingest()
    stack.start_consumer()
    _rate(filled, WARM_UP)
    rates: dict[bool, list[float]] = {False: [], True: []}
    pages: list[float] = []
    for reads in IN_TURN:
        with _reader(filled) if reads else nullcontext([0]) as read:
            began = time.monotonic()
            rates[reads].append(_rate(filled, EVENTS))
            seconds = time.monotonic() - began
        if reads:
            pages.append(read[0] / seconds)
    stack.stop_consumer()
    alone, beside = (statistics.fmean(rates[reads]) for reads in (False, True))
    yield Line(
        "ingest beside a reader at full speed",
        f"{EVENTS:,} events {len(IN_TURN)} times, in turn",
        {
            "% kept": beside / alone * 100,
            "events/s with a reader": beside,
            "events/s without": alone,
            "pages/s read": statistics.fmean(pages),
        },
        limits=(Limit("% kept", least=LEAST),),
    )


def _rate(filled: Filled, count: int) -> float:
    """Return the events/s from the first request to the last event in both stores."""
    stack: Stack = filled.stack
    settled = stack.stores.settled() + count
    end = Watch(lambda: stack.stores.wait_until_settled(settled, seconds=LIMIT, alive=stack.consumer_alive))
    requests = array_requests(count, size=100, prefix=PREFIX, token=filled.token)
    answers = send(requests, port=stack.ingest_port, connections=8)
    return count / (end.moment() - answers.started)


@contextmanager
def _reader(filled: Filled) -> Iterator[list[int]]:
    """Read pages in a process of its own; afterwards the list has their number."""
    context = multiprocessing.get_context("spawn")
    stop, read, found = context.Event(), context.Value("i", 0), [0]
    reader = context.Process(target=_read, args=(filled.stack.web_port, filled.token, stop, read), daemon=True)
    reader.start()
    while not read.value:
        if reader.exitcode is not None:
            raise LoadFailed("the reader ended before it read anything")
        time.sleep(0.01)
    before = read.value
    try:
        yield found
        found[0] = read.value - before
    finally:
        stop.set()
        reader.join()


def _read(port: int, token: str, stop: Event, read: object) -> None:
    # Readers are on machines of their own: this one takes little of what is measured.
    os.nice(19)
    client, number = Client(port, token), 0
    while not stop.is_set():
        client.get(f"/data?source_id=sensor-{number % _SOURCES:03}")
        number += 1
        read.value = number  # type: ignore[attr-defined] # a synchronized number, for which there is no type
    client.close()
