"""Measures the receiver's memory and how fast it rejects requests while Kafka is frozen and many clients send."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle

from deploy.bench.figures import Figure
from deploy.bench.load.events import ndjson_requests, single_requests
from deploy.bench.load.sender import LoadFailed, send
from deploy.bench.stack import fresh_stack
from deploy.bench.usage import Meter
from deploy.testing.servers import Servers

CLIENTS = 200
SECONDS = 60.0
LINES = 1_000  # events of one request
BODIES = 40  # different ones
RECOVERY = 10.0  # seconds within which the receiver has to accept again


@dataclass(slots=True)
class Refusals:
    """The responses that the clients received; `slowest` in seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0


def measure(servers: Servers, name: str) -> Iterator[Figure]:
    """Freeze Kafka for a minute under the load of 200 clients, then resume it."""
    with fresh_stack(servers, name) as stack:
        stack.start_ingest()
        send(single_requests(1_000, prefix="warm"), port=stack.ingest_port, connections=32)
        requests = ndjson_requests(BODIES * LINES, size=LINES, prefix="push")
        servers.kafka.freeze()
        try:
            with Meter({"ingest": stack.pids["ingest"]}) as meter:
                refusals = asyncio.run(_push(requests, stack.ingest_port))
        finally:
            servers.kafka.thaw()
        if set(refusals.statuses) != {503}:
            raise LoadFailed(f"expected 503 from a receiver without Kafka, got {dict(refusals.statuses)}")
        values = {
            "MB peak": meter.peak["ingest"] / 1e6,
            "s slowest": refusals.slowest,
            "refusals/s": sum(refusals.statuses.values()) / SECONDS,
            "s until it accepts again": _recovery(stack.ingest_port),
        }
        how = f"{CLIENTS} clients push NDJSON of {LINES:,} for {SECONDS:.0f} s; every answer a 503"
        yield Figure("ingest with Kafka frozen", values, how)


async def _push(requests: list[bytes], port: int) -> Refusals:
    refusals, bodies = Refusals(), cycle(requests)
    until = time.monotonic() + SECONDS
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(_keep_pushing(bodies, port, refusals, until=until))
    return refusals


async def _keep_pushing(bodies: Iterator[bytes], port: int, refusals: Refusals, *, until: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        began = time.monotonic()
        writer.write(next(bodies))
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        refusals.statuses[int(head[9:12])] += 1
        refusals.slowest = max(refusals.slowest, time.monotonic() - began)
    writer.close()


def _recovery(port: int) -> float:
    """Seconds until the same process accepts an event."""
    began = time.monotonic()
    while True:
        try:
            send(single_requests(1, prefix="again"), port=port, connections=1)
        except LoadFailed:
            if time.monotonic() - began > RECOVERY:
                raise
            time.sleep(0.05)
        else:
            return time.monotonic() - began
