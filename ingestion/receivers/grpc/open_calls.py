"""The calls of a process that are open, so that none of its clients can take all places."""

from __future__ import annotations

import asyncio
from collections import Counter

from django.conf import settings

from ingestion.problems import RETRY, Code, RequestRejected
from ingestion.runtime.loop_singleton import LoopSingleton


class OpenCalls:
    """Those of one event loop, by the caller: a key, or an address."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._count = 0
        self._of: Counter[str] = Counter()

    def enter(self, caller: str) -> None:
        """Take a place.

        :raises RequestRejected: there is none
        """
        if self._of[caller] >= settings.DATAFLOW_GRPC_CALLS_PER_KEY:
            detail = f"this key, or this address without one, has {settings.DATAFLOW_GRPC_CALLS_PER_KEY} open calls"
            raise RequestRejected(Code.TOO_MUCH_UNFINISHED, detail, headers=[RETRY])
        if self._count >= settings.DATAFLOW_GRPC_CALLS:
            raise RequestRejected(Code.OVERLOADED, "too many calls are open; nothing was taken")
        self._of[caller] += 1
        self._count += 1

    def leave(self, caller: str) -> None:
        """Give the place back."""
        self._count -= 1
        self._of[caller] -= 1
        if not self._of[caller]:
            del self._of[caller]


open_calls = LoopSingleton(OpenCalls)


def address(peer: str) -> str:
    """Return the address of a peer without its port: of `ipv4:192.0.2.1:50000` it is `ipv4:192.0.2.1`."""
    return peer.rpartition(":")[0] or peer
