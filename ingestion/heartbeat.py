"""Tells Redis once a second how this process' door is doing. Nothing waits for it, and without Redis it says nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import deque

import msgspec

from ingestion import metrics, pulse, refusals
from ingestion.guard import guard
from ingestion.per_loop import PerLoop
from ingestion.publisher import publisher
from ingestion.pulse import Kind, Pulse
from ingestion.redis_link import RedisAway, link
from ingestion.refusals import Tally

BEAT_SECONDS = 1.0
REPEAT_SECONDS = 5.0  # what has not changed is said again so often
EXPIRES_SECONDS = 15  # a process that said nothing for so long is gone
RATE_BEATS = 2  # the rate is the mean of so many, as on the overview


class Heartbeat:
    """One event loop's heartbeat."""

    def __init__(self, kind: Kind) -> None:
        self.loop = asyncio.get_running_loop()
        self._kind = kind
        self._process = f"{socket.gethostname()}-{os.getpid()}"
        self._since = time.time_ns() // 1_000_000
        self._tally = Tally(f"{self._process}-{self._since}")
        self._accepted: deque[tuple[float, int]] = deque(maxlen=RATE_BEATS + 1)  # when, how many
        self._said: Pulse | None = None
        self._due = 0.0  # when to say it again, on the loop's clock
        self._is_closed = False
        self._beating = self.loop.create_task(self._beat())

    async def close(self) -> None:
        """Say nothing more, and let nobody wait for it to expire."""
        # The client swallows a cancellation that comes while it connects (redis 8.1).
        self._is_closed = True
        self._beating.cancel()
        await self._say_refusals(metrics.refusals())
        try:
            await link().call("DEL", pulse.key(self._process))
            await link().call("SREM", pulse.DOORS, self._process)
        except RedisAway:
            pass

    async def _beat(self) -> None:
        while not self._is_closed:
            now = self._measure()
            if now != self._said or self.loop.time() >= self._due:
                await self._say(now)
            await self._say_refusals(now.refused)
            await asyncio.sleep(BEAT_SECONDS)

    async def _say(self, now: Pulse) -> None:
        try:
            await link().call("SET", pulse.key(self._process), msgspec.json.encode(now), "EX", EXPIRES_SECONDS)
            await link().call("SADD", pulse.DOORS, self._process)
        except RedisAway:
            self._said = None
        else:
            self._said = now
            self._due = self.loop.time() + REPEAT_SECONDS

    async def _say_refusals(self, totals: dict[str, int]) -> None:
        self._tally.note(totals, now=time.time())
        try:
            for minute in self._tally.unsaid():
                await link().call("HSET", refusals.key(minute), *self._tally.fields(minute))
                await link().call("EXPIRE", refusals.key(minute), refusals.KEPT_SECONDS)
                self._tally.said(minute)
        except RedisAway:
            # What was not said is said at the next beat.
            return

    def _measure(self) -> Pulse:
        accepted = metrics.accepted()
        self._accepted.append((self.loop.time(), accepted))
        (began, before), (ended, _) = self._accepted[0], self._accepted[-1]
        waiting = publisher()
        return Pulse(
            process=self._process,
            kind=self._kind,
            since=self._since,
            accepted_per_second=round((accepted - before) / (ended - began), 1) if ended > began else 0.0,
            accepted=accepted,
            refused=metrics.refusals(),
            in_flight_events=waiting.events,
            in_flight_bytes=waiting.bytes,
            guard=guard().state,
        )


heartbeat = PerLoop(Heartbeat)
