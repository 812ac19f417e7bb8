"""The memory that messages take while they arrive.

gRPC gathers a message before it hands it over, and does not tell how much of it has come. So while more messages are
awaited than the budget has room for, the memory in use is measured, and past half of the budget the caller that awaits
most of them is refused.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import cast

import grpc

from ingestion.kafka.group_commit import publisher
from ingestion.problems import RETRY, Code, RequestRejected
from ingestion.runtime import heap
from ingestion.runtime.limits import receiver_limits
from ingestion.runtime.loop_singleton import LoopSingleton

Receive = Callable[[], Awaitable[bytes | object]]  # what the library calls ServicerContext.read

OVERHEAD = 64 * 1024  # bytes of a message beside the largest body
# Between two measurements, each of up to a millisecond: while much is left, and then.
CALM_SECONDS = 0.1
CHECK_SECONDS = 0.02


class _Read:
    """One message that is awaited."""

    __slots__ = ("is_refused", "limit")

    def __init__(self, seconds: float) -> None:
        self.limit = asyncio.timeout(seconds)
        self.is_refused = False

    def refuse(self, now: float) -> None:
        # It may be over already, and only the end of the read outstanding: gRPC takes its time to end one.
        if not self.limit.expired():
            self.is_refused = True
            self.limit.reschedule(now)


class MessageBudget:
    """The budget of one event loop; to be created before there are calls."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._reads: defaultdict[str, set[_Read]] = defaultdict(set)  # by caller
        self._count = 0
        self._at_rest = heap.bytes_in_use()
        self._check: asyncio.TimerHandle | None = None

    async def read(self, receive: Receive, caller: str, *, seconds: float) -> bytes | None:
        """Read a message; None: the client has sent its last one.

        :param caller: a key, or an address
        :param seconds: how long it may take
        :raises RequestRejected: it took longer, or messages on their way take too much memory
        """
        read = _Read(seconds)
        self._add(caller, read)
        try:
            async with read.limit:
                message: bytes | object = await receive()
        except TimeoutError as error:
            if read.is_refused:
                detail = "the unfinished messages of this caller take too much memory"
                raise RequestRejected(Code.TOO_MUCH_UNFINISHED, detail, headers=[RETRY]) from error
            raise RequestRejected(Code.REQUEST_TIMEOUT, f"no message came within {seconds:g} s") from error
        finally:
            self._remove(caller, read)
        return None if message is grpc.aio.EOF else cast("bytes", message)

    def _add(self, caller: str, read: _Read) -> None:
        self._reads[caller].add(read)
        self._count += 1
        if self._check is None and self._may_be_too_much():
            self._check = self.loop.call_later(CALM_SECONDS, self._refuse_the_largest)

    def _remove(self, caller: str, read: _Read) -> None:
        self._count -= 1
        self._reads[caller].discard(read)
        if not self._reads[caller]:
            del self._reads[caller]

    def _may_be_too_much(self) -> bool:
        return self._at_rest is not None and self._count * largest_message() > _refused_from()

    def _refuse_the_largest(self) -> None:
        """Refuse those who await most messages, as many as may hold what is too much."""
        self._check = None
        if not self._may_be_too_much():
            return
        excess, now = self._excess(), self.loop.time()
        wait = CALM_SECONDS if -excess > _refused_from() / 2 else CHECK_SECONDS
        for reads in sorted(self._reads.values(), key=len, reverse=True):
            if excess <= 0:
                break
            excess -= len(reads) * largest_message()
            for read in reads:
                read.refuse(now)
        self._check = self.loop.call_later(wait, self._refuse_the_largest)

    def _excess(self) -> int:
        in_use = (heap.bytes_in_use() or 0) - (self._at_rest or 0)
        # Events on their way to Kafka have a budget of their own; they are there as events and as records.
        return in_use - 2 * publisher().bytes - _refused_from()


message_budget = LoopSingleton(MessageBudget)


def largest_message() -> int:
    """Return how many bytes a message may have."""
    return receiver_limits().max_body_bytes + OVERHEAD


def _refused_from() -> int:
    """Return how many bytes are too much: half of the budget, since more comes until the calls have ended."""
    return receiver_limits().body_budget_bytes // 2
