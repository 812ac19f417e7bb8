"""Measures the throughput of the whole path and the CPU time of each process per event."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from deploy.bench.figures import Figure
from deploy.bench.load.events import SOURCES, array_requests
from deploy.bench.load.sender import send
from deploy.bench.stack import Stack, fresh_stack
from deploy.bench.usage import Meter
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
        with Meter(stack.pids) as meter:
            end = _Watch(stack, warm + EVENTS)
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


class _Watch:
    """Asks the stores from a thread of its own, while the load is sent from this one."""

    def __init__(self, stack: Stack, count: int) -> None:
        self._stack = stack
        self._count = count
        self._moment = 0.0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        try:
            self._moment = self._stack.stores.wait_until_stored(
                self._count, seconds=LIMIT, alive=self._stack.consumer_alive
            )
        except Exception as error:  # noqa: BLE001 - raised again where it is asked for
            self._error = error

    def moment(self) -> float:
        self._thread.join()
        if self._error:
            raise self._error
        return self._moment
