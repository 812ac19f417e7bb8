"""Parses what takes long in a thread, in slices and in turns, so that the event loop and other senders go on meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from weakref import WeakValueDictionary

from ingestion.events.batch import ParsedBatch
from ingestion.events.steps import Parsing, Steps
from ingestion.problems import Code, RequestRejected

# In the unit of ingestion.events.steps.
LOOP_COST = 16 * 1024  # of one body on the event loop: some 15 ms, which a thousand common events take one by one
LOOP_SHARE = 8 * LOOP_COST  # of all bodies of one key on the event loop within a second
SLICE_COST = 64 * 1024  # in the thread before it is the next one's turn; a longer step is not divided


class LongParses:
    """The parses of one event loop, and their thread."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        """
        :param clock: in seconds; the event loop's unless a test has one of its own
        """
        self._loop = asyncio.get_running_loop()
        self._clock = clock or self._loop.time
        self._spent: Counter[str] = Counter()  # on the event loop within the present second, by key
        self._ends = 0.0
        # One: a second would only compete with the event loop for the interpreter.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parse")
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def begin(self, steps: Steps, *, key: str) -> ParsedBatch | Parsing:
        """Parse on the event loop what the key's share of it allows.

        :param key: of the sender
        :raises RequestRejected: as the parser
        """
        now = self._clock()
        if now > self._ends:
            self._spent.clear()
            self._ends = now + 1.0
        left = min(LOOP_COST, LOOP_SHARE - self._spent[key])
        parsing = Parsing(steps)
        try:
            return parsing.advance(left) or parsing
        finally:
            self._spent[key] += parsing.cost

    async def finish(self, parsing: Parsing, *, key: str, deadline: float) -> ParsedBatch:
        """Do the rest of a parse.

        :param key: of the sender; each key has one parse in the thread's queue, however many requests it sends
        :param deadline: on the loop's clock
        :raises RequestRejected: as the parser, or the deadline has passed
        """
        turn = self._turns.setdefault(key, asyncio.Lock())
        step = partial(parsing.advance, SLICE_COST, force=True)
        try:
            async with asyncio.timeout_at(deadline), turn:
                while (batch := await self._loop.run_in_executor(self._thread, step)) is None:
                    pass
        except TimeoutError as error:
            detail = "too many long bodies are being checked; nothing was taken"
            raise RequestRejected(Code.OVERLOADED, detail) from error
        return batch
