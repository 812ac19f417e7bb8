"""Measures the throughput of the whole path and the CPU time of each process per event."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from deploy.bench.figures import Figure
from deploy.bench.load.events import SOURCES, array_requests
from deploy.bench.load.sender import send
from deploy.bench.stack import fresh_stack
from deploy.bench.usage import Meter
from deploy.bench.watch import Watch
from deploy.testing.servers import Servers

EVENTS = 300_000
LIMIT = 120.0  # seconds
NOTE = f"first request to the last event in both stores; {EVENTS:,} events of {SOURCES} sources in arrays of 100; exact"


def measure(servers: Servers, name: str) -> Iterator[Figure]:
    """Send as fast as the receiver accepts while the consumer runs."""
    with fresh_stack(servers, name) as stack:
        stack.start_ingest()
        warm = stack.warm_up()
        requests = array_requests(EVENTS, size=100, prefix="sensor")
        wait = partial(stack.stores.wait_until_stored, warm + EVENTS, seconds=LIMIT, alive=stack.consumer_alive)
        with Meter(stack.pids) as meter:
            end = Watch(wait)
            answers = send(requests, port=stack.ingest_port, connections=8)
            seconds = end.moment() - answers.started
        stack.stores.check_exact(warm + EVENTS)
    yield Figure(
        "end to end",
        {"events/s": EVENTS / seconds, "events/s accepted": EVENTS / answers.seconds},
        NOTE,
    )
    yield from _costs(meter, answers.cpu)


def _costs(meter: Meter, load_cpu: float) -> Iterator[Figure]:
    for process, seconds in meter.cpu.items():
        values = {"us/event": seconds / EVENTS * 1e6, "MB peak": meter.peak[process] / 1e6}
        yield Figure(f"  {process}", values, "CPU time and peak memory in the end to end run")
    yield Figure("  load generator", {"us/event": load_cpu / EVENTS * 1e6}, "CPU time of its thread")
