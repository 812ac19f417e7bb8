"""Senders at the receiver that repeat what was not acknowledged, and remember what was."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from random import Random
from uuid import UUID

from ingestion.tests.client import post
from processing.tests import expectations
from processing.tests.reference_rollups import Sent

START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z, microseconds
# So that there are two partitions of the table and many buckets.
SPAN = 40 * 86_400_000_000  # microseconds
PAUSE = 0.04  # seconds between two batches of one sender
SOURCES = 4  # of one sender: the order of a source is that of one sender's requests

FILLER = 3_000  # characters that do not compress, in each event of a load that swells

# It is in every batch and must be nowhere afterwards.
REFUSED = {"sourceId": "refused", "timestamp": expectations.timestamp(START), "payload": 7}


def make_event(rng: Random, number: int, source: str, *, ts: int | None = None, filler: int = 0) -> Sent:
    text = rng.randbytes(filler // 2).hex() if filler else "é" * rng.randrange(9)
    payload = {"n": number, "level": number / 7, "inner": {"odd": number % 2}, "ok": True, "text": text}
    id_ = UUID(int=rng.getrandbits(128), version=4)
    return Sent(source, str(id_), START + rng.randrange(SPAN) if ts is None else ts, payload)


def canonical(event: Sent) -> bytes:
    """The line of an event as our receivers write it."""
    payload = json.dumps(event.payload, ensure_ascii=False).encode()
    return b'{"id":"%b","source":"%b","ts":%d,"received":%d,"payload":%b}' % (
        event.id.encode(),
        event.source.encode(),
        event.ts,
        START,
        payload,
    )


class Sender(threading.Thread):
    """One client of the receiver, which waits for each answer before it sends on."""

    def __init__(
        self, name: str, *, receiver: Callable[[], str], rng: Random, numbers: Iterator[int], pause: float
    ) -> None:
        super().__init__(daemon=True)
        self._pause = pause
        self.acknowledged: list[Sent] = []
        self.batches = 0  # acknowledged
        self._name = name
        self._receiver = receiver
        self._rng = rng
        self._numbers = numbers
        self.swollen: int | None = None  # the time of large events, microseconds
        self._ended = threading.Event()
        self._abandoned = False

    def run(self) -> None:
        while not self._ended.is_set():
            batch = [self._event() for _ in range(self._rng.randrange(1, 30))]
            while not self._accepted(batch):
                if self._abandoned:
                    return
                time.sleep(self._pause)
            self.acknowledged += batch
            self.batches += 1
            self._ended.wait(self._pause)

    def end(self) -> None:
        """Send no more; returns once the last batch is acknowledged."""
        self._ended.set()
        self.join()

    def abandon(self) -> None:
        """Send no more, after a failure: what is on its way may never be acknowledged."""
        self._abandoned = True
        self._ended.set()

    def _event(self) -> Sent:
        source = f"{self._name}-{self._rng.randrange(SOURCES)}"
        filler = 0 if self.swollen is None else FILLER
        return make_event(self._rng, next(self._numbers), source, ts=self.swollen, filler=filler)

    def _accepted(self, batch: list[Sent]) -> bool:
        try:
            reply = post(self._receiver(), [*(expectations.as_json(event) for event in batch), REFUSED])
        except (OSError, HTTPException):
            return False
        return reply.status == 207 and reply.json["accepted"] == len(batch)


class Load:
    """Some senders together."""

    def __init__(
        self,
        senders: int,
        *,
        receiver: Callable[[], str],
        rng: Random,
        numbers: Iterator[int],
        pause: float = PAUSE,
    ) -> None:
        self._senders = [
            Sender(f"load-{name}", receiver=receiver, rng=Random(rng.random()), numbers=numbers, pause=pause)
            for name in range(senders)
        ]

    @property
    def acknowledged(self) -> list[Sent]:
        return [event for sender in self._senders for event in list(sender.acknowledged)]

    @property
    def batches(self) -> list[int]:
        """How many each sender had acknowledged."""
        return [sender.batches for sender in self._senders]

    def start(self) -> None:
        for sender in self._senders:
            sender.start()

    def swell(self, time: int | None) -> None:
        """Send large events of this time (microseconds) from now on; None: usual ones again."""
        for sender in self._senders:
            sender.swollen = time

    def end(self) -> None:
        for sender in self._senders:
            sender.end()

    def abandon(self) -> None:
        for sender in self._senders:
            sender.abandon()
