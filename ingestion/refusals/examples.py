"""Notes what receivers refuse, a few of each reason and second, and writes it in the background.

A flood of bad requests costs a look into two counters for each. Without PostgreSQL the newest examples wait.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from uuid import uuid4

from ingestion import problems
from ingestion.auth.authenticator import authenticator
from ingestion.events.batch import Rejected
from ingestion.problems import Code, RequestRejected
from ingestion.refusals import rows
from ingestion.refusals.attempt import Attempt
from ingestion.refusals.rows import Example
from ingestion.runtime.loop_singleton import LoopSingleton

# Of one process within a second. A few are as good as thousands, and one key leaves room for others.
PER_SECOND, PER_REASON, PER_KEY = 30, 8, 3
LOOKED_AT = 20  # rejected events of a batch
WAITING = 300  # some 500 kB
GATHER_SECONDS = 0.5
RETRY_SECONDS = 5.0
PRUNE_SECONDS = 60.0  # while requests are refused
IDLE_SECONDS = 3600.0  # otherwise


class RefusalExamples:
    """The examples of one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._waiting: deque[Example] = deque(maxlen=WAITING)
        self._second = 0
        self._total = 0
        self._taken: Counter[str | tuple[str, str]] = Counter()  # within the second, by reason, and by reason and key
        self._noted = asyncio.Event()
        self._prune_at = 0.0  # on the loop's clock
        self._writing = self.loop.create_task(self._keep_writing())

    def note(
        self, code: Code, detail: str, attempt: Attempt, *, item: Rejected | None = None, status: str = ""
    ) -> None:
        """Note one refusal, unless there are enough of this second.

        :param item: the event of a batch that was rejected; None: the request was, as a whole
        :param status: of the answer; empty: the code's
        """
        now = time.time()
        key = "" if attempt.grant is None else attempt.grant.key
        if not self._has_room(code, key, second=int(now)):
            return
        sent = attempt.sent() if item is None else item.sent and attempt.named(item.sent)
        example = Example(
            id=uuid4(),
            at=now,
            code=code.value,
            status=status or str(problems.status_of(code)),
            detail=detail,
            way=attempt.way,
            path=attempt.path,
            grant=attempt.grant,
            sent=sent,
            size=attempt.size,
        )
        self._waiting.append(example)
        self._noted.set()

    async def close(self) -> None:
        """Write what waits, once."""
        self._writing.cancel()
        await self._write()

    def _has_room(self, code: Code, key: str, *, second: int) -> bool:
        if second != self._second:
            self._second, self._total = second, 0
            self._taken.clear()
        if self._total >= PER_SECOND or self._taken[code] >= PER_REASON or self._taken[code, key] >= PER_KEY:
            return False
        self._total += 1
        self._taken[code] += 1
        self._taken[code, key] += 1
        return True

    async def _keep_writing(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._noted.wait()
            await asyncio.sleep(GATHER_SECONDS)
            if not await self._write():
                await asyncio.sleep(RETRY_SECONDS)

    async def _write(self) -> bool:
        self._noted.clear()
        examples = list(self._waiting)
        prune = self.loop.time() >= self._prune_at
        try:
            done = await authenticator().ask(lambda: rows.write(examples, prune=prune))
        except RequestRejected:
            done = False
        if not done:
            self._noted.set()
            return False
        # Those that came meanwhile, and may have pushed out some of these, stay.
        written = {each.id for each in examples}
        self._waiting = deque((each for each in self._waiting if each.id not in written), maxlen=WAITING)
        if prune:
            self._prune_at = self.loop.time() + PRUNE_SECONDS
        return True


examples = LoopSingleton(RefusalExamples)


def note_refused(code: Code, detail: str, attempt: Attempt, *, status: str = "") -> None:
    """Note a request that is refused as a whole.

    :param status: of the answer; empty: the code's
    """
    # A process notes none before it has begun, as in tests of a part of it.
    if examples.exists():
        examples().note(code, detail, attempt, status=status)


def note_rejected(items: Iterable[Rejected], attempt: Attempt, *, status: str = "", name: str = "") -> None:
    """Note the events of a batch that are rejected one by one, the first of them.

    :param status: of the answer; empty: the code's
    :param name: of an item, before its number; empty: the numbers are of the batch alone, or there is only one event
    """
    if not examples.exists():
        return
    taking = examples()
    for item in islice(items, LOOKED_AT):
        where = f"{name} {item.index + 1}: " if name else ""
        taking.note(item.code, f"{where}{_sentence(item)}", attempt, item=item, status=status)


def _sentence(item: Rejected) -> str:
    """Return the detail with the place, unless that is said."""
    name = item.pointer.rpartition("/")[2]
    if not name or name in item.detail or problems.status_of(item.code) in {403, 429}:
        return item.detail
    return f"{item.pointer}: {item.detail}"
