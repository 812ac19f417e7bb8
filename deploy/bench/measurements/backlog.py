"""Measures how fast the consumer drains a full topic into both stores."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.bench.figures import Figure
from deploy.bench.load.events import array_requests
from deploy.bench.load.sender import send
from deploy.bench.stack import fresh_stack
from deploy.bench.usage import Meter
from deploy.testing.servers import Servers

EVENTS = 300_000
LIMIT = 120.0  # seconds


def measure(servers: Servers, name: str) -> Iterator[Figure]:
    """Fill the topic while no consumer runs, then start one; its start-up does not count."""
    with fresh_stack(servers, name) as stack:
        stack.start_ingest()
        send(array_requests(EVENTS, size=100, prefix="backlog"), port=stack.ingest_port, connections=8)
        stack.start_consumer()
        alive = stack.consumer_alive
        begin = stack.stores.wait_until_stored(1, seconds=LIMIT, alive=alive)
        already = stack.stores.stored()
        with Meter(stack.pids) as meter:
            end = stack.stores.wait_until_stored(EVENTS, seconds=LIMIT, alive=alive)
        stack.stores.check_exact(EVENTS)
    drained = EVENTS - already
    yield Figure(
        "backlog of 300,000 events draining",
        {"events/s": drained / (end - begin), "us consumer CPU": meter.cpu["consumer"] / drained * 1e6},
        "into both stores, from the first batch stored to the last; rollups, ledger, latest values; exact",
    )
