"""Publishes this process's status to Redis once a second, best effort: without Redis nothing is published."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import deque
from typing import Literal

import msgspec

from ingestion import metrics
from ingestion.acceptance import rejection_counts
from ingestion.acceptance.backpressure import BackpressureState, backpressure
from ingestion.acceptance.rejection_counts import RejectionCounter
from ingestion.kafka.group_commit import publisher
from ingestion.runtime import signed_values
from ingestion.runtime.loop_singleton import LoopSingleton
from ingestion.runtime.redis_client import RedisUnavailable, link

BEAT_SECONDS = 1.0
REPEAT_SECONDS = 5.0  # an unchanged status is published again after so long
EXPIRES_SECONDS = 15  # of a status in Redis
RATE_BEATS = 2  # the rate is the mean of so many beats, as on the overview

Kind = Literal["ingest", "web", "grpc"]

# A set with the names of all ingest processes. Its reader removes the names whose status has expired.
RECEIVERS = "dataflow:doors"


class ProcessStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The status of one ingest process; all counts are since its start."""

    process: str  # host and process id, as in the names of consumers
    kind: Kind
    since: int  # ms since the epoch
    accepted_per_second: float
    accepted: int  # events
    # By reason code: events that were rejected one by one, and requests that were rejected as a whole.
    refused: dict[str, int]
    in_flight_events: int
    in_flight_bytes: int
    guard: BackpressureState


def key(process: str) -> str:
    """Return the Redis key of a process's status."""
    return f"dataflow:door:{process}"


def encode(status: ProcessStatus) -> bytes:
    """Return the value of a process's key."""
    return signed_values.sign(key(status.process), msgspec.json.encode(status))


def decode(process: str, value: object) -> ProcessStatus | None:
    """Parse the value of a process's key; None: no process of this release wrote it."""
    body = signed_values.verify(key(process), value)
    try:
        return None if body is None else _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Of another release, with other counters.
        return None


_decode = msgspec.json.Decoder(ProcessStatus).decode


class Heartbeat:
    """The heartbeat of one event loop."""

    def __init__(self, kind: Kind) -> None:
        self.loop = asyncio.get_running_loop()
        self._kind = kind
        self._process = f"{socket.gethostname()}-{os.getpid()}"
        self._since = time.time_ns() // 1_000_000
        self._refusals = RejectionCounter(f"{self._process}-{self._since}")
        self._accepted: deque[tuple[float, int]] = deque(maxlen=RATE_BEATS + 1)  # (loop time, events)
        self._published: ProcessStatus | None = None
        self._repeat_at = 0.0  # on the loop's clock
        self._is_closed = False
        self._beating = self.loop.create_task(self._beat())

    async def close(self) -> None:
        """Stop, and delete the status instead of leaving it to expire."""
        # The client swallows a cancellation that comes while it connects (redis 8.1).
        self._is_closed = True
        self._beating.cancel()
        await self._publish_refusals(metrics.refusals())
        try:
            await link().call("DEL", key(self._process))
            await link().call("SREM", RECEIVERS, self._process)
        except RedisUnavailable:
            pass

    async def _beat(self) -> None:
        while not self._is_closed:
            status = self._measure()
            if status != self._published or self.loop.time() >= self._repeat_at:
                await self._publish(status)
            await self._publish_refusals(status.refused)
            await asyncio.sleep(BEAT_SECONDS)

    async def _publish(self, status: ProcessStatus) -> None:
        try:
            await link().call("SET", key(self._process), encode(status), "EX", EXPIRES_SECONDS)
            await link().call("SADD", RECEIVERS, self._process)
        except RedisUnavailable:
            self._published = None
        else:
            self._published = status
            self._repeat_at = self.loop.time() + REPEAT_SECONDS

    async def _publish_refusals(self, totals: dict[str, int]) -> None:
        self._refusals.update(totals, now=time.time())
        try:
            for minute in self._refusals.unpublished():
                await link().call("HSET", rejection_counts.key(minute), *self._refusals.fields(minute))
                await link().call("EXPIRE", rejection_counts.key(minute), rejection_counts.KEPT_SECONDS)
                self._refusals.mark_published(minute)
        except RedisUnavailable:
            # The next beat publishes the rest.
            return

    def _measure(self) -> ProcessStatus:
        accepted = metrics.accepted()
        self._accepted.append((self.loop.time(), accepted))
        (began, before), (ended, _) = self._accepted[0], self._accepted[-1]
        in_flight = publisher()
        return ProcessStatus(
            process=self._process,
            kind=self._kind,
            since=self._since,
            accepted_per_second=round((accepted - before) / (ended - began), 1) if ended > began else 0.0,
            accepted=accepted,
            refused=metrics.refusals(),
            in_flight_events=in_flight.events,
            in_flight_bytes=in_flight.bytes,
            guard=backpressure().state,
        )


heartbeat = LoopSingleton(Heartbeat)
