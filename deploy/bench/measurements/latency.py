"""Measures how long after its acknowledgement an event can be read, at a steady rate."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.bench.figures import Figure, milliseconds
from deploy.bench.load.events import SPACING, array_requests
from deploy.bench.load.sender import Answers, send
from deploy.bench.measurements.visibility import PROBE_EVERY, Probe
from deploy.bench.stack import Stack, fresh_stack
from deploy.testing.servers import Servers

SECONDS = 15
SETTLE = 3  # seconds at the start that do not count
ARRAY = 100
SHARES = (50, 95, 99)
PREFIX = "latency"
# The events' own times are SPACING apart, so an event's time gives its number in the order of sending.
_ROWS = """
    SELECT (extract(epoch FROM ts - min(ts) OVER ()) * 1000000 / %s)::bigint, partition, "offset", received, stored
    FROM events WHERE source_id LIKE %s
"""


def measure(servers: Servers, name: str, *, rate: int, label: str) -> Iterator[Figure]:
    """Send `rate` events a second and measure the time from each 202 until its events are visible."""
    count = rate * SECONDS
    with fresh_stack(servers, name) as stack:
        stack.start_ingest()
        warm = stack.warm_up()
        requests = array_requests(count, size=ARRAY, prefix=PREFIX)
        with Probe(stack.stores) as probe:
            answers = send(requests, port=stack.ingest_port, connections=8, rate=rate / ARRAY)
            stack.stores.wait_until_stored(warm + count, seconds=60, alive=stack.consumer_alive)
        stack.stores.check_exact(warm + count)
        visible, columns = _latencies(stack, probe, answers)
    yield Figure(
        f"accepted to stored, {label}",
        {**milliseconds(visible, SHARES), "events/s offered": count / answers.seconds},
        f"202 to visible: progress probed every {PROBE_EVERY * 1000:.0f} ms; {SECONDS - SETTLE} s",
    )
    yield Figure(f"  by columns, {label}", milliseconds(columns, SHARES), "stored - received, two clocks of ours")


def _latencies(stack: Stack, probe: Probe, answers: Answers) -> tuple[list[float], list[float]]:
    """Seconds from answer to visibility, and from `received` to `stored`, sorted, one of each per event."""
    begin = answers.started + SETTLE
    visible, columns = [], []
    with stack.stores.connect() as connection:
        for number, partition, offset, received, stored in connection.execute(_ROWS, [SPACING, f"{PREFIX}-%"]):
            answered = answers.answered_at[number // ARRAY]
            if answered >= begin:
                visible.append(max(0.0, probe.visible_at(partition, offset) - answered))
                columns.append((stored - received).total_seconds())
    return sorted(visible), sorted(columns)
