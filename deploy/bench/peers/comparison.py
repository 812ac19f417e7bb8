"""Measures the product and the peer in turn: the same requests, load generator and counts, on the same servers."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from deploy.bench.figures import Figure, milliseconds
from deploy.bench.load.events import array_requests, single_requests
from deploy.bench.load.sender import send
from deploy.bench.peers import environment
from deploy.bench.peers.deployment import fresh_peer
from deploy.bench.stack import fresh_stack
from deploy.bench.stores import Stores
from deploy.bench.usage import Meter
from deploy.bench.watch import Watch
from deploy.testing.servers import Servers

WARM_UP = 2_000  # events of each form
LIMIT = 120.0  # seconds
PRODUCT, PEER = "product", "peer"
OWN = ("ingest", "consumer")  # the processes that are not servers


class Pipeline(Protocol):
    """What both deployments have."""

    stores: Stores

    @property
    def ingest_port(self) -> int:
        """The port of the receiver."""

    @property
    def pids(self) -> dict[str, int]:
        """Every process, by name."""

    def start_ingest(self) -> None:
        """Start the receiver."""

    def start_consumer(self) -> None:
        """Start the consumer."""

    def consumer_alive(self) -> bool:
        """Whether the consumer runs."""


@dataclass(frozen=True, slots=True)
class Case:
    """A form of load."""

    name: str
    events: int
    connections: int
    requests: Callable[..., list[bytes]]  # (events, prefix)


@dataclass(frozen=True, slots=True)
class Run:
    """What one pipeline did in one case."""

    speed: dict[str, float]
    cost: dict[str, float]  # us/event


CASES = (
    Case("single events, 32 connections", 10_000, 32, single_requests),
    Case("arrays of 100, 8 connections", 150_000, 8, partial(array_requests, size=100)),
)
# What gets better or worse meanwhile, as Java's compiled code gets better, so counts for both alike.
TURNS = (PRODUCT, PEER, PEER, PRODUCT)
OPEN: dict[str, Callable[[Servers, str], AbstractContextManager[Pipeline]]] = {PRODUCT: fresh_stack, PEER: fresh_peer}


def measure(servers: Servers, name: str) -> Iterator[Figure]:
    """Send each form of load to both pipelines in turn, each on empty stores."""
    environment.ensure()
    # A Kafka that has just started spends twice the time.
    _run_once(servers, f"{name}_warm", PEER, CASES[0])
    for number, case in enumerate(CASES):
        runs: dict[str, list[Run]] = {who: [] for who in OPEN}
        for turn, who in enumerate(TURNS):
            runs[who].append(_run_once(servers, f"{name}_{number}_{turn}", who, case))
        yield from figures(case, {who: mean(two) for who, two in runs.items()})


def _run_once(servers: Servers, name: str, who: str, case: Case) -> Run:
    with OPEN[who](servers, name) as pipeline:
        return _run(pipeline, case)


def _run(pipeline: Pipeline, case: Case) -> Run:
    """Send everything while the consumer runs, and refuse a result that either store has not exactly."""
    pipeline.start_ingest()
    pipeline.start_consumer()
    warm = _warm_up(pipeline)
    count = warm + case.events
    requests = case.requests(case.events, prefix="sensor")
    wait = partial(pipeline.stores.wait_until_counted, count, seconds=LIMIT, alive=pipeline.consumer_alive)
    with Meter(pipeline.pids) as meter:
        end = Watch(wait)
        answers = send(requests, port=pipeline.ingest_port, connections=case.connections)
        seconds = end.moment() - answers.started
    pipeline.stores.check_counts(count)
    speed = {
        "events/s acknowledged": case.events / answers.seconds,
        **milliseconds(answers.latencies),
        "events/s end to end": case.events / seconds,
        "MB peak": sum(meter.peak[process] for process in OWN) / 1e6,
    }
    return Run(speed, costs(meter.cpu, case.events))


def _warm_up(pipeline: Pipeline) -> int:
    loads: Sequence[Callable[..., list[bytes]]] = [case.requests for case in CASES]
    for number, requests in enumerate(loads):
        send(requests(WARM_UP, prefix=f"warm-{number}"), port=pipeline.ingest_port, connections=8)
    count = len(loads) * WARM_UP
    pipeline.stores.wait_until_counted(count, seconds=LIMIT, alive=pipeline.consumer_alive)
    return count


def mean(runs: Sequence[Run]) -> Run:
    """Return the mean of each value."""
    speed = {unit: statistics.fmean(run.speed[unit] for run in runs) for unit in runs[0].speed}
    cost = {unit: statistics.fmean(run.cost[unit] for run in runs) for unit in runs[0].cost}
    return Run(speed, cost)


def costs(cpu: Mapping[str, float], events: int) -> dict[str, float]:
    """Return CPU microseconds an event: of each process, and of all together."""
    each = {f"us/event {process}": seconds / events * 1e6 for process, seconds in cpu.items()}
    return {"us/event all": sum(each.values()), **each}


def figures(case: Case, runs: Mapping[str, Run]) -> Iterator[Figure]:
    """Yield two lines for each pipeline and one with the ratios."""
    note = f"mean of two runs of {case.events:,} events while the consumer runs; rows and documents counted, exact"
    for who, run in runs.items():
        yield Figure(f"{case.name}: {who}", run.speed, note)
        yield Figure(f"– CPU of the {who}, {case.name}", run.cost, "with the servers, without the load generator")
    yield Figure(f"– {PRODUCT} / {PEER}, {case.name}", _ratios(runs[PRODUCT], runs[PEER]), "of the two runs above")


def _ratios(product: Run, peer: Run) -> dict[str, float]:
    ratios = {f"x {unit.partition(' ')[2]}": product.speed[unit] / peer.speed[unit] for unit in product.speed}
    return ratios | {"x CPU": product.cost["us/event all"] / peer.cost["us/event all"]}
