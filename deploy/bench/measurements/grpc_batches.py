"""Measures how fast batches of 100 are acknowledged over gRPC and arrays of 100 over HTTP, without a consumer."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.bench.figures import Figure, milliseconds
from deploy.bench.load.events import array_requests
from deploy.bench.load.grpc_load import batch_requests, send_calls, send_stream
from deploy.bench.load.sender import Answers, send
from deploy.bench.stack import fresh_stack
from deploy.testing.servers import Servers

WARM_UP = 20_000  # events
EVENTS = 300_000
SIZE = 100  # events of a batch
AT_ONCE = 8  # batches in flight over either protocol


def measure(servers: Servers, name: str) -> Iterator[Figure]:
    """Send the same events to both receivers of one deployment, one after the other."""
    with fresh_stack(servers, name) as stack:
        stack.start_ingest()
        stack.start_grpc()
        send(array_requests(WARM_UP, size=SIZE, prefix="http"), port=stack.ingest_port, connections=AT_ONCE)
        send_calls(batch_requests(WARM_UP, size=SIZE, prefix="grpc"), port=stack.grpc_port, at_once=AT_ONCE)
        arrays = array_requests(EVENTS, size=SIZE, prefix="http")
        yield _figure("HTTP arrays of 100, beside gRPC", send(arrays, port=stack.ingest_port, connections=AT_ONCE))
        batches = batch_requests(EVENTS, size=SIZE, prefix="grpc")
        yield _figure("gRPC batches of 100", send_calls(batches, port=stack.grpc_port, at_once=AT_ONCE))
        yield _figure("gRPC batches of 100, streamed", send_stream(batches, port=stack.grpc_port, at_once=AT_ONCE))


def _figure(name: str, answers: Answers) -> Figure:
    load = {"% load generator": 100 * answers.cpu / answers.seconds}
    values = {"events/s": EVENTS / answers.seconds, **milliseconds(answers.latencies), **load}
    return Figure(name, values, f"acknowledged, {AT_ONCE} on their way, {EVENTS:,} events")
