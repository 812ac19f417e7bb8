"""The connections of a process without a request, so that there is a bound to their number."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ingestion.runtime.loop_singleton import LoopSingleton

# Seconds that a connection has for its head even if too many have none: of a burst of new connections none is closed.
SHORTEST_WAIT = 1.0


class Closable(Protocol):
    """A connection."""

    def close(self) -> None:
        """Close it."""


class IdleConnections(dict[Closable, None]):
    """Those of one event loop that wait for their next request, in the order in which they became idle.

    Every request enters and leaves it, by the dictionary's own operations, which cost less than calls.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()

    def close_longest(self) -> None:
        """Close the one that has been idle longest."""
        longest = next(iter(self))
        del self[longest]
        longest.close()


class UnfinishedConnections(dict[Closable, float]):
    """Those of one event loop without a whole head, or whose request was answered before it was whole; since when.

    A request that comes in one piece is never among them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()

    def add(self, connection: Closable, *, most: int) -> None:
        """Add one; if there are more than `most`, the one that has waited longest is closed."""
        now = self.loop.time()
        self.pop(connection, None)
        self[connection] = now
        longest = next(iter(self))
        if len(self) > most and now - self[longest] >= SHORTEST_WAIT:
            del self[longest]
            longest.close()


idle_connections = LoopSingleton(IdleConnections)
unfinished_connections = LoopSingleton(UnfinishedConnections)
