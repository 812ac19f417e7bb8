"""Measures how fast the HTTP receiver acknowledges each form of body, without and with a key, without a consumer."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.bench.figures import Figure, milliseconds
from deploy.bench.load.events import array_requests, gzip_requests, ndjson_requests, single_requests
from deploy.bench.load.sender import Answers, send
from deploy.bench.stack import fresh_stack
from deploy.testing.servers import Servers

WARM_UP = 2_000  # requests
SINGLE = {32: 20_000, 256: 40_000}  # connections -> requests
BATCHED = 300_000  # events
BATCH_CONNECTIONS = 8
RATE = "10000000:1,100000000:60"  # of the key; never reached


def measure(servers: Servers, name: str) -> Iterator[Figure]:
    """Send single events, arrays and NDJSON to one receiver."""
    with fresh_stack(servers, name) as stack:
        stack.start_ingest()
        port = stack.ingest_port
        token = stack.create_key("--rate", RATE)
        send(single_requests(WARM_UP, prefix="warm"), port=port, connections=32)
        for connections, count in SINGLE.items():
            requests = single_requests(count, prefix=f"single-{connections}")
            yield _single(f"single events, {connections} connections", requests, connections, port)
        keyed = single_requests(SINGLE[256], prefix="keyed", token=token)
        yield _single("– the same with a key that has a rate", keyed, 256, port)
        arrays = array_requests(BATCHED, size=100, prefix="array")
        yield _batched("arrays of 100", send(arrays, port=port, connections=BATCH_CONNECTIONS))
        arrays = array_requests(BATCHED, size=100, prefix="keyed-array", token=token)
        yield _batched("– the same with a key", send(arrays, port=port, connections=BATCH_CONNECTIONS))
        lines = ndjson_requests(BATCHED, size=1_000, prefix="ndjson")
        yield _batched("NDJSON of 1,000", send(lines, port=port, connections=BATCH_CONNECTIONS))
        packed = gzip_requests(BATCHED, size=1_000, prefix="gzip")
        yield _batched("NDJSON of 1,000, gzip", send(packed, port=port, connections=BATCH_CONNECTIONS))


def _single(name: str, requests: list[bytes], connections: int, port: int) -> Figure:
    answers = send(requests, port=port, connections=connections)
    values = {"requests/s": answers.rate, **milliseconds(answers.latencies), **_own_cost(answers)}
    return Figure(name, values, "acknowledged by Kafka, one event a request")


def _batched(name: str, answers: Answers) -> Figure:
    rate = BATCHED / answers.seconds
    values = {"events/s": rate, **milliseconds(answers.latencies), **_own_cost(answers)}
    return Figure(name, values, f"acknowledged, {BATCH_CONNECTIONS} connections, {BATCHED:,} events")


def _own_cost(answers: Answers) -> dict[str, float]:
    return {"% load generator": 100 * answers.cpu / answers.seconds}
