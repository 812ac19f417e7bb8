"""What spans cost in CPU time, with a real receiver of OTLP in another process: `python -m deploy.bench.spans`."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection

from ingestion.spans.exporting import outbox
from ingestion.spans.part import Part, kafka
from ingestion.spans.tracer import Tracer
from ingestion.tests import otlp_receiver

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
DECISIONS = 20_000
BATCHES, PARTS, LINKS = 40, 8, 50  # in one piece, of each batch, and of each batch
REQUESTS = 200  # in one piece; fewer than wait at most
PIECES = 10
ROUNDS = 9
PAUSE = 1.0  # seconds, in which the spans of a piece are sent


def main() -> None:
    """Print what each request and batch costs."""
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=_receive, args=(theirs,), daemon=True)
    receiver.start()
    theirs.close()
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = ours.recv()
    os.environ["OTEL_TRACES_SAMPLER"] = "parentbased_always_off"
    tracer = Tracer(outbox(process="bench", version="0"), per_second=0)
    print(f"not traced: {min(_cost(partial(_decide, tracer), DECISIONS) for _ in range(ROUNDS)):.2f} µs a request")
    traced = _cost(partial(_repeat, partial(_trace, tracer), REQUESTS), REQUESTS * PIECES)
    print(f"traced, both spans made and sent: {traced:.0f} µs a request")
    for links in (1, LINKS):
        batch = _cost(partial(_repeat, partial(_trace_batch, tracer, links), BATCHES), BATCHES * PIECES)
        print(f"a batch with {PARTS} parts and links to {links} requests: {batch:.0f} µs")


def _decide(tracer: Tracer) -> None:
    for _ in range(DECISIONS):
        tracer.receive(None, received=1, events=1, request_id=None)


def _trace(tracer: Tracer) -> None:
    span = tracer.receive(TRACE, received=1, events=1, request_id=None)
    assert span is not None
    tracer.flush([span], topic="raw-data", events=1).end()
    span.end()


def _trace_batch(tracer: Tracer, links: int) -> None:
    now = time.time_ns()
    parts = [Part("part", "client", now, now, {"db.system.name": "mongodb"}) for _ in range(PARTS)]
    whole = Part("process", "consumer", now, now, kafka("process", "raw-data"))
    tracer.past(whole, parts, links=[TRACE] * links)


def _repeat(work: Callable[[], None], count: int) -> None:
    for _ in range(PIECES):
        for _ in range(count):
            work()
        time.sleep(PAUSE)


def _cost(work: Callable[[], None], count: int) -> float:
    """Return the CPU time of this process, all threads, in microseconds for one of so many."""
    began = time.process_time()
    work()
    return (time.process_time() - began) / count * 1e6


def _receive(parent: Connection) -> None:
    with otlp_receiver.over_http() as receiver:
        parent.send(receiver.address)
        # Until the one who measures ends.
        with suppress(EOFError):
            parent.recv()


if __name__ == "__main__":
    main()
