"""Sends prebuilt gRPC requests with a minimal HTTP/2 client and measures the time of the responses.

gRPC's own client needs 0.2 ms of CPU time per request, on the cores that the receiver uses.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import msgspec
import uvloop

from deploy.bench.load import http2
from deploy.bench.load.events import make_events
from deploy.bench.load.sender import ACCEPTED, PATIENCE, Answers, LoadFailed
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2

METHOD = "/dataflow.ingest.v1.Ingestion/"
CONNECTIONS = 2


class _Sent(msgspec.Struct):
    """An event as the other measurements send it."""

    sourceId: str  # noqa: N815
    timestamp: str
    payload: msgspec.Raw


_decode = msgspec.json.Decoder(_Sent).decode


def batch_requests(count: int, *, size: int, prefix: str) -> list[bytes]:
    """`count` events in batches of `size`."""
    events = [_event(_decode(text)) for text in make_events(count, prefix=prefix)]
    return [
        ingestion_pb2.IngestBatchRequest(events=events[begin : begin + size]).SerializeToString()
        for begin in range(0, count, size)
    ]


def _event(sent: _Sent) -> ingestion_pb2.Event:
    return ingestion_pb2.Event(source_id=sent.sourceId, timestamp=sent.timestamp, payload=bytes(sent.payload))


def send_calls(requests: Sequence[bytes], *, port: int, at_once: int) -> Answers:
    """Send each request as a call of its own, `at_once` at a time.

    :raises LoadFailed: a batch was not accepted as a whole, or nothing came back
    """
    return _send(requests, lambda run: _Calls(run, at_once // CONNECTIONS), port)


def send_stream(requests: Sequence[bytes], *, port: int, at_once: int) -> Answers:
    """Send the requests over one stream a connection, `at_once` on their way.

    :raises LoadFailed: a batch was not accepted as a whole, or nothing came back
    """
    return _send(requests, lambda run: _Stream(run, at_once // CONNECTIONS), port)


class _Run:
    """One pass over the requests, which the connections share."""

    def __init__(self, requests: Sequence[bytes]) -> None:
        blank = bytes(8 * len(requests))
        self.answers = Answers(sent_at=array("d", blank), answered_at=array("d", blank))
        self.done = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._numbers = iter(range(len(requests)))
        self._missing = len(requests)

    def take(self) -> Iterator[tuple[int, bytes]]:
        """Yield the next request, if there is one."""
        for number in self._numbers:
            self.answers.sent_at[number] = time.time()
            yield number, self._requests[number]
            return

    def answered(self, number: int, outcome: ingestion_pb2.IngestBatchResponse) -> None:
        self.answers.answered_at[number] = time.time()
        self.answers.statuses[ACCEPTED if outcome.accepted and not outcome.rejected else 0] += 1
        self._missing -= 1
        if not self._missing and not self.done.done():
            self.done.set_result(None)

    def failed(self) -> None:
        if not self.done.done():
            self.done.set_exception(LoadFailed("the server ended a call or a connection in the middle of the run"))


class _Calls(http2.Connection):
    """Each request is a call of its own."""

    def __init__(self, run: _Run, at_once: int) -> None:
        super().__init__(run.failed)
        self._run, self._at_once = run, at_once
        self._numbers: dict[int, int] = {}  # of a call's request

    def opened(self) -> None:
        for _ in range(self._at_once):
            self._next()

    def message(self, call: int, message: bytes) -> None:
        self._run.answered(self._numbers.pop(call), ingestion_pb2.IngestBatchResponse.FromString(message))
        self._next()

    def ended(self, call: int) -> None:
        # After its answer this is how a call ends; without one it failed.
        if call in self._numbers:
            self._run.failed()

    def _next(self) -> None:
        for number, request in self._run.take():
            call = self.call(METHOD + "IngestBatch")
            self._numbers[call] = number
            self.send(call, request, last=True)


class _Stream(http2.Connection):
    """All requests are messages of one call."""

    def __init__(self, run: _Run, at_once: int) -> None:
        super().__init__(run.failed)
        self._run, self._at_once = run, at_once
        self._numbers: deque[int] = deque()

    def opened(self) -> None:
        self._call = self.call(METHOD + "IngestStream")
        for _ in range(self._at_once):
            self._next()

    def message(self, call: int, message: bytes) -> None:
        self._run.answered(self._numbers.popleft(), ingestion_pb2.IngestStreamResponse.FromString(message).outcome)
        self._next()

    def ended(self, call: int) -> None:
        self._run.failed()

    def _next(self) -> None:
        for number, request in self._run.take():
            self._numbers.append(number)
            self.send(self._call, request, last=False)


def _send(requests: Sequence[bytes], make: Callable[[_Run], http2.Connection], port: int) -> Answers:
    cpu = time.thread_time()
    try:
        answers = uvloop.run(asyncio.wait_for(_run(requests, make, port), PATIENCE))
    except TimeoutError:
        raise LoadFailed("the answers stopped") from None
    answers.cpu = time.thread_time() - cpu
    if answers.statuses != {ACCEPTED: len(requests)}:
        raise LoadFailed(f"expected {len(requests)} batches to be accepted, got {dict(answers.statuses)}")
    return answers


async def _run(requests: Sequence[bytes], make: Callable[[_Run], http2.Connection], port: int) -> Answers:
    loop = asyncio.get_running_loop()
    run = _Run(requests)
    opened = [await loop.create_connection(lambda: make(run), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    try:
        await run.done
    finally:
        for transport, _ in opened:
            transport.abort()
    return run.answers
