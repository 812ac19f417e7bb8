"""Measures how fast a long backlog drains with and without new events, and the memory that it needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from deploy.bench.figures import Figure
from deploy.bench.load.events import array_requests
from deploy.bench.load.sender import LoadFailed, send
from deploy.bench.measurements.raw import fill, make_lines
from deploy.bench.stack import Stack, fresh_stack
from deploy.bench.usage import Meter
from deploy.testing.servers import Servers

EVENTS = 1_000_000
INCOMING = 2_000  # events/s
PER_REQUEST = 100
LIMIT = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Drained:
    """The rate and memory of a drain."""

    rate: float  # events/s
    consumer_memory: float  # MB, the peak


def measure(servers: Servers, name: str, *, events: int = EVENTS) -> Iterator[Figure]:
    """Drain the same backlog twice: alone, then with a steady load."""
    clean = _drain(servers, f"{name}_clean", events, loaded=False)
    loaded = _drain(servers, name, events, loaded=True)
    yield Figure(
        f"backlog of {events:,} while {INCOMING:,} events/s come in",
        {
            "events/s": loaded.rate,
            "% of clean": loaded.rate / clean.rate * 100,
            "events/s clean": clean.rate,
            "MB consumer's peak": max(clean.consumer_memory, loaded.consumer_memory),
        },
        "until as much is stored as had been waiting; drained in the same round without and with",
    )


def drain_all(stack: Stack, events: int) -> Drained:
    """Start a consumer and wait until everything that waits in the topic is settled; its start-up does not count."""
    stack.start_consumer()
    begin = stack.stores.wait_until_settled(1, seconds=LIMIT, alive=stack.consumer_alive)
    already = stack.stores.settled()
    with Meter(stack.pids) as meter:
        end = stack.stores.wait_until_settled(events, seconds=LIMIT, alive=stack.consumer_alive)
    return Drained((events - already) / (end - begin), meter.peak["consumer"] / 1e6)


def _drain(servers: Servers, name: str, events: int, *, loaded: bool) -> Drained:
    with fresh_stack(servers, name) as stack:
        fill(servers.kafka.address, stack.raw_topic, make_lines(events, prefix="waiting"))
        if loaded:
            stack.start_ingest()
        load: AbstractContextManager[object] = _Load(stack.ingest_port, events) if loaded else nullcontext()
        with load:
            return drain_all(stack, events)


class _Load:
    """Sends from a thread for as long as a drain at 10,000 events/s would take, which is slower than any measured."""

    def __init__(self, port: int, events: int) -> None:
        requests = array_requests(events // 10_000 * INCOMING, size=PER_REQUEST, prefix="incoming")
        self._thread = threading.Thread(target=self._send, args=[requests, port], daemon=True)
        self._failure: LoadFailed | None = None

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        """Leave it: the receiver that it sends to is stopped next.

        :raises LoadFailed: it did not last for as long as the drain
        """
        if not self._thread.is_alive():
            raise LoadFailed("the load ended before the drain did") from self._failure

    def _send(self, requests: Sequence[bytes], port: int) -> None:
        try:
            send(requests, port=port, connections=4, rate=INCOMING / PER_REQUEST)
        except LoadFailed as failure:
            # Read by `__exit__`; ignored after that.
            self._failure = failure
