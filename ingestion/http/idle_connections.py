"""The connections of a process that wait for their next request, so that there is a bound to their number."""

from __future__ import annotations

import asyncio

from ingestion.runtime.loop_singleton import LoopSingleton


class IdleConnections(dict[asyncio.Transport, None]):
    """Those of one event loop, in the order in which they became idle.

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


idle_connections = LoopSingleton(IdleConnections)
