"""Shares the web process between its readers: a few requests of each run, some wait, the others are refused at once."""

from __future__ import annotations

import asyncio
from collections import Counter, deque


class Crowded(Exception):
    """The reader has as many requests as may wait, or one waited for too long; answer 429."""


class FairShare:
    """Slots in which requests run, given to waiting readers in turn.

    All methods run on one event loop. A reader who asks for little waits for one request of each other reader at most,
    however many each of them has sent.
    """

    def __init__(self, *, slots: int) -> None:
        self.loop = asyncio.get_running_loop()
        self._free = slots
        self._running: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # readers in the order of their turns
        self._limits: dict[str, int] = {}  # of those who wait: how many of theirs may run

    async def enter(self, reader: str, *, running: int, waiting: int, seconds: float) -> None:
        """Wait for a slot.

        :param running: how many requests of this reader may run at one time, answers that are being streamed included
        :param waiting: how many may wait
        :raises Crowded: as many wait already, or no slot was free for `seconds`
        """
        if self._free and reader not in self._waiting and self._has_share(reader, running):
            self._take(reader)
            return
        if self.is_crowded(reader, waiting):
            raise Crowded
        turn: asyncio.Future[None] = self.loop.create_future()
        self._waiting.setdefault(reader, deque()).append(turn)
        self._limits[reader] = running
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            if turn.done() and not turn.cancelled():
                return
            self._forget(reader, turn)
            raise Crowded from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(reader)
            else:
                self._forget(reader, turn)
            raise

    def is_crowded(self, reader: str, waiting: int) -> bool:
        """Return whether so many requests of a reader wait already."""
        return len(self._waiting.get(reader, ())) >= waiting

    def leave(self, reader: str) -> None:
        """Return a slot."""
        self._drop(self._running, reader)
        self._free += 1
        self._give_turns()

    def begin_stream(self, reader: str) -> None:
        """Return the slot of a request whose answer is sent piece by piece; it still counts against its reader."""
        self._streams[reader] += 1
        self.leave(reader)

    def end_stream(self, reader: str) -> None:
        """Count a streamed answer no more."""
        self._drop(self._streams, reader)
        self._give_turns()

    def _has_share(self, reader: str, running: int) -> bool:
        return self._running[reader] + self._streams[reader] < running

    def _take(self, reader: str) -> None:
        self._running[reader] += 1
        self._free -= 1

    def _give_turns(self) -> None:
        for reader in list(self._waiting):
            if not self._free:
                return
            if self._has_share(reader, self._limits[reader]):
                self._give_turn(reader)

    def _give_turn(self, reader: str) -> None:
        # Taken out and put in again: who had a turn is the last of those who wait.
        queue = self._waiting.pop(reader)
        turn = queue.popleft()
        if queue:
            self._waiting[reader] = queue
        else:
            del self._limits[reader]
        if not turn.done():
            self._take(reader)
            turn.set_result(None)

    def _forget(self, reader: str, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(reader)
        if queue is None or turn not in queue:
            return
        queue.remove(turn)
        if not queue:
            del self._waiting[reader]
            del self._limits[reader]

    @staticmethod
    def _drop(counts: Counter[str], reader: str) -> None:
        counts[reader] -= 1
        if not counts[reader]:
            del counts[reader]
