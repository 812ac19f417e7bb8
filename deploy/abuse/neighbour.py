"""A calm neighbour: sends, reads, watches and asks for health at a steady pace, and notes how each attempt went."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import count

import grpc
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin

from deploy.abuse.target import HOST, NEIGHBOURS, Target, now
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2

PATIENCE = 5.0  # seconds for one answer; later is a failure
FRESH = 15.0  # seconds within which an accepted event has to be readable
STILL = 5.0  # seconds without a message after which the live feed has failed
_RECEIVED = re.compile(rb'"receivedAt":"([^"]+)"')
INGEST = "/dataflow.ingest.v1.Ingestion/Ingest"


@dataclass(frozen=True, slots=True)
class Sample:
    """One attempt."""

    at: float  # on the loop's clock
    what: str
    seconds: float
    went_well: bool


@dataclass(frozen=True, slots=True)
class Share:
    """How the attempts of a span of time went."""

    attempts: int
    succeeded: int
    p50: float  # seconds, of those that succeeded
    p99: float

    @property
    def percent(self) -> float:
        """Return the percentage that succeeded."""
        return 100 * self.succeeded / self.attempts if self.attempts else 0.0


@dataclass(slots=True)
class Neighbour:
    """Its tokens and what it noted."""

    target: Target
    key: str
    reader: str
    cookies: str
    samples: list[Sample] = field(default_factory=list)
    _posts: count[int] = field(default_factory=count)
    _calls: count[int] = field(default_factory=count)
    _reads: count[int] = field(default_factory=count)
    _sent: dict[str, float] = field(default_factory=dict)  # when the first event of a source was accepted

    async def live(self) -> None:
        """Go about its business until cancelled."""
        async with grpc.aio.insecure_channel(f"{HOST}:{self.target.grpc}") as channel, asyncio.TaskGroup() as group:
            group.create_task(self._repeat("POST /ingest", 0.1, self._post))
            group.create_task(self._repeat("gRPC Ingest", 0.25, lambda: self._call(channel)))
            group.create_task(self._repeat("GET /data", 0.25, self._read))
            for name in ("ingest", "web", "consumer"):
                group.create_task(
                    self._repeat(f"health of {name}", 0.5, partial(self._health, getattr(self.target, name)))
                )
            group.create_task(self._watch())

    def share(self, what: str, begin: float, end: float) -> Share:
        """Return how attempts of a kind went that began in a span of the loop's time."""
        found = [sample for sample in self.samples if sample.what == what and begin <= sample.at < end]
        times = sorted(sample.seconds for sample in found if sample.went_well)
        return Share(len(found), len(times), _percentile(times, 0.5), _percentile(times, 0.99))

    @property
    def kinds(self) -> list[str]:
        """Return what it does, in the order of their names."""
        return sorted({sample.what for sample in self.samples})

    async def _repeat(self, what: str, pause: float, act: Callable[[], Awaitable[bool]]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began, went_well = loop.time(), False
            with suppress(OSError, TimeoutError, ValueError, grpc.RpcError):
                async with asyncio.timeout(PATIENCE):
                    went_well = await act()
            self.samples.append(Sample(began, what, loop.time() - began, went_well))
            await asyncio.sleep(pause)

    async def _post(self) -> bool:
        number = next(self._posts)
        source = NEIGHBOURS[number % len(NEIGHBOURS)]
        body = json.dumps({"sourceId": source, "timestamp": now(), "payload": {"temperature": number}}).encode()
        status, _ = await _exchange(self.target.ingest, "POST", "/ingest", self.key, body)
        if status == 202:
            self._sent.setdefault(source, time.time())
        return status == 202

    async def _call(self, channel: grpc.aio.Channel) -> bool:
        payload = b'{"humidity":%d}' % next(self._calls)
        event = ingestion_pb2.Event(source_id=NEIGHBOURS[0], timestamp=now(), payload=payload)
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INGEST)
        metadata = (("authorization", f"Bearer {self.key}"),)
        await call(ingestion_pb2.IngestRequest(event=event).SerializeToString(), metadata=metadata, timeout=PATIENCE)
        return True

    async def _read(self) -> bool:
        """Read the newest event of a source; it is wrong if that is older than what was accepted since."""
        source = NEIGHBOURS[next(self._reads) % len(NEIGHBOURS)]
        status, body = await _exchange(self.target.web, "GET", f"/data?source_id={source}&limit=1", self.reader)
        if status != 200 or time.time() - self._sent.get(source, time.time()) < FRESH:
            return status == 200
        newest = _RECEIVED.search(body)  # the body comes in chunks
        return newest is not None and time.time() - datetime.fromisoformat(newest[1].decode()).timestamp() < FRESH

    async def _health(self, port: int) -> bool:
        return (await _exchange(port, "GET", "/healthz"))[0] == 200

    async def _watch(self) -> None:
        """Follow the live feed and note the time between its messages."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            with suppress(OSError, TimeoutError, WebSocketException):
                origin = Origin(f"http://{HOST}:{self.target.web}")
                address, headers = f"ws://{HOST}:{self.target.web}/ws/live", {"Cookie": self.cookies}
                async with connect(address, origin=origin, additional_headers=headers) as feed:
                    while True:
                        message = json.loads(await asyncio.wait_for(feed.recv(), STILL))
                        if message["type"] == "frame":
                            await feed.send(json.dumps({"type": "ack", "seq": message["seq"]}))
                        self.samples.append(Sample(began, "live feed", loop.time() - began, went_well=True))
                        began = loop.time()
            self.samples.append(Sample(began, "live feed", loop.time() - began, went_well=False))
            await asyncio.sleep(1.0)


async def _exchange(port: int, method: str, path: str, key: str = "", body: bytes = b"") -> tuple[int, bytes]:
    """Ask on a connection of its own; return status and body.

    :raises OSError: the connection is refused or breaks
    :raises ValueError: the answer is not HTTP
    """
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/json"] if body else []
    lines += [f"Authorization: Bearer {key}"] if key else []
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        answer = await reader.read()
    finally:
        writer.transport.abort()
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head[9:12]), content


def _percentile(times: list[float], part: float) -> float:
    """Return a percentile of sorted times, in seconds; NaN without any."""
    return times[min(len(times) - 1, math.ceil(part * len(times)) - 1)] if times else math.nan
