"""Sources whose events receivers do not take for a time, since too many of them became dead letters.

PostgreSQL alone says which; nothing in Redis can throttle anyone. Without PostgreSQL each throttle ends at its time.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from ingestion.models import FailingSource
from ingestion.problems import Code, RequestRejected

logger = logging.getLogger(__name__)

READ_SECONDS = 2.0  # between two reads; also how soon a source is throttled, or may send again
MAX_SOURCES = 10_000  # those that are throttled for longest; some 100 bytes each

_DETAIL = "too many events of this source became dead letters; it may send again later"

Ask = Callable[[Callable[[], Any]], Awaitable[Any]]


class SourceThrottle:
    """The copy of one event loop."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._until: dict[str, float] = {}  # on the loop's clock
        self.failing: frozenset[str] = frozenset()
        self._reading = self._loop.create_task(self._keep_reading())

    def refusal(self, source: str) -> tuple[Code, str]:
        """Return the code and detail of an event of this source."""
        return Code.SOURCE_FAILING, f"{_DETAIL}, in {self._seconds(source)} s"

    def reject(self, sources: set[str]) -> RequestRejected:
        """Build the rejection of a request all of whose events are of these sources."""
        soonest = min(map(self._seconds, sources))
        headers = [(b"retry-after", b"%d" % soonest)]
        return RequestRejected(Code.SOURCE_FAILING, f"{_DETAIL}; nothing was taken", headers=headers)

    def close(self) -> None:
        self._reading.cancel()

    def _seconds(self, source: str) -> int:
        return max(1, math.ceil(self._until.get(source, 0.0) - self._loop.time()))

    async def _keep_reading(self) -> None:
        while True:
            try:
                found = await self._ask(_read)
            except RequestRejected:
                found = None
            except Exception:
                logger.exception("the throttled sources could not be read")
                found = None
            self._set(found)
            await asyncio.sleep(READ_SECONDS)

    def _set(self, found: dict[str, float] | None) -> None:
        """Adopt what was read, as seconds from now; None: it could not be read, so only the time goes on."""
        now = self._loop.time()
        if found is not None:
            self._until = {source: now + seconds for source, seconds in found.items()}
        self._until = {source: until for source, until in self._until.items() if until > now}
        self.failing = frozenset(self._until)


def _read() -> dict[str, float]:
    left = ExpressionWrapper(F("until") - Now(), output_field=DurationField())
    rows = FailingSource.objects.filter(until__gt=Now()).annotate(left=left).order_by("-until")
    return {source: left.total_seconds() for source, left in rows.values_list("source_id", "left")[:MAX_SOURCES]}
