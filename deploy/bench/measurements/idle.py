"""Measures the CPU time and memory of all processes without load."""

from __future__ import annotations

import time
from collections.abc import Iterator

from deploy.bench.figures import Figure
from deploy.bench.stack import fresh_stack
from deploy.bench.usage import Meter
from deploy.testing.servers import Servers

SETTLE = 5.0  # seconds after the last event
WATCH = 20.0  # seconds


def measure(servers: Servers, name: str) -> Iterator[Figure]:
    """Start every process, process a few events, then measure without load."""
    with fresh_stack(servers, name) as stack:
        stack.start_ingest()
        stack.start_grpc()
        stack.start_jobs()
        stack.start_web()
        stack.warm_up()
        time.sleep(SETTLE)
        with Meter(stack.pids) as meter:
            time.sleep(WATCH)
    note = f"all five processes and the four servers, {WATCH:.0f} s after a first batch"
    yield Figure(
        "everything idle", {"MB": sum(meter.peak.values()) / 1e6, "% CPU": _share(sum(meter.cpu.values()))}, note
    )
    for process, seconds in meter.cpu.items():
        yield Figure(f"  {process} idle", {"MB": meter.peak[process] / 1e6, "% CPU": _share(seconds)})


def _share(seconds: float) -> float:
    return 100 * seconds / WATCH
