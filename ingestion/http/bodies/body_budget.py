"""The bytes of bodies on their way, counted for each key and for the process."""

from __future__ import annotations

import asyncio
from collections import Counter

from ingestion.problems import RETRY, Code, RequestRejected
from ingestion.runtime.limits import receiver_limits
from ingestion.runtime.loop_singleton import LoopSingleton

# Bytes that a connection with an unfinished body costs beside it; it bounds the number of them too.
CONNECTION_BYTES = 32 * 1024

# Whose bodies are not read yet, since their key is being checked.
UNKNOWN = "unknown"


class BodyBudget:
    """The budget of one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.bytes = 0
        self._of_key: Counter[str] = Counter()

    def take(self, key: str, size: int) -> None:
        """Count bytes.

        :param key: the prefix of the sender's key; empty: anyone's
        :raises RequestRejected: there is no room for them; nothing is counted
        """
        most = receiver_limits().key_body_budget_bytes
        if self._of_key[key] + size > most:
            detail = f"the unfinished requests of this key are larger than {most:,} bytes together"
            raise RequestRejected(Code.TOO_MUCH_UNFINISHED, detail, headers=[RETRY])
        if self.bytes + size > receiver_limits().body_budget_bytes:
            raise RequestRejected(Code.OVERLOADED, "too many requests are unfinished; nothing was taken")
        self._of_key[key] += size
        self.bytes += size

    def give_back(self, key: str, size: int) -> None:
        """Count bytes no longer."""
        self.bytes -= size
        self._of_key[key] -= size
        if not self._of_key[key]:
            del self._of_key[key]


body_budget = LoopSingleton(BodyBudget)


class BodyCharge:
    """What one request has of the budget."""

    __slots__ = ("_budget", "_key", "_size")

    def __init__(self) -> None:
        self._budget: BodyBudget | None = None
        self._key = ""
        self._size = 0

    def begin(self, key: str, announced: int) -> None:
        """Take the bytes that were announced, before they are read; only the first call does.

        :raises RequestRejected: there is no room for them
        """
        if self._budget is None:
            self._budget, self._key = body_budget(), key
            self.raise_to(announced + CONNECTION_BYTES)

    def raise_to(self, size: int) -> None:
        """Take what is missing to so many bytes.

        :raises RequestRejected: there is no room for them
        """
        if self._budget is not None and size > self._size:
            self._budget.take(self._key, size - self._size)
            self._size = size

    def settle(self, size: int) -> None:
        """Keep so many bytes of what was taken: the body is whole."""
        if self._budget is not None and size < self._size:
            self._budget.give_back(self._key, self._size - size)
            self._size = size

    def release(self) -> None:
        """Give all back; may be repeated."""
        if self._budget is not None:
            self._budget.give_back(self._key, self._size)
            self._budget, self._size = None, 0
