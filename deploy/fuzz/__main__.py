"""`python -m deploy.fuzz`: send mutated requests to a real receiver for minutes; any 5xx, HTML, missing response or memory growth is a failure."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

import psutil

from deploy.bench.stack import START_PATIENCE, Stack, fresh_stack, running_servers
from deploy.fuzz.sender import Report, Surprise, exchange, send
from deploy.fuzz.wires import bent

CONNECTIONS = 16
SHORTEST_PATIENCE = {"DATAFLOW_HEADER_SECONDS": "0.5", "DATAFLOW_BODY_SECONDS": "0.5"}
READY = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
WARM_UP = 0.2  # of the time; memory counts from there on
MOST_GROWTH = 20  # MB


def main() -> None:
    """Send invalid requests for as long as asked; the exit code is 1 if a reply or the memory was wrong."""
    options = _options()
    print(f"seed {options.seed}, {options.seconds} s, {CONNECTIONS} connections", flush=True)
    with running_servers() as servers, fresh_stack(servers, "fuzz", SHORTEST_PATIENCE) as stack:
        stack.start_ingest()
        try:
            failed = asyncio.run(_run(stack, options.seed, options.seconds))
        except* Surprise as found:
            first = found.exceptions[0]
            sys.exit(f"{first}\nthe request: {getattr(first, 'wire', b'')[:2000]!r}")
    sys.exit(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (default %(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the same seed sends the same requests")
    return parser.parse_args()


async def _run(stack: Stack, seed: int, seconds: float) -> int:
    loop = asyncio.get_running_loop()
    await _until_ready(stack.ingest_port)
    began, report, wires = loop.time(), Report(), bent(seed)
    receiver = psutil.Process(stack.pids["ingest"])
    before = 0.0
    for share in (WARM_UP, 0.4, 0.6, 0.8, 1.0):
        await send(wires, stack.ingest_port, report, until=began + share * seconds, connections=CONNECTIONS)
        memory = receiver.memory_info().rss / 1e6
        before = before or memory
        print(f"{loop.time() - began:5.0f} s: {report.sent:,} answers, {memory:.1f} MB", flush=True)
    statuses = ", ".join(f"{status or 'closed'}: {count:,}" for status, count in sorted(report.statuses.items()))
    print(f"{statuses}\nmemory grew by {memory - before:.1f} MB after the first {WARM_UP:.0%} of the time")
    return int(memory - before > MOST_GROWTH)


async def _until_ready(port: int) -> None:
    """Wait until the receiver has found Kafka; until then its readiness is a 503."""
    for _ in range(int(START_PATIENCE)):
        if (await exchange(READY, port)).startswith(b"HTTP/1.1 200 "):
            return
        await asyncio.sleep(1.0)


if __name__ == "__main__":
    main()
