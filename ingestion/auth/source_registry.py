"""A copy of the table of sources: which are registered and which disabled. New sources are inserted, best effort."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from django.db import connection

from ingestion.events.model import Event
from ingestion.models import Source
from ingestion.problems import RequestRejected
from ingestion.runtime.limits import receiver_limits

logger = logging.getLogger(__name__)

Labels = Mapping[str, dict[str, str]]  # by source
Ask = Callable[[Callable[[], Any]], Awaitable[Any]]

REFRESH_SECONDS = 60.0
RETRY_SECONDS = 5.0  # after a query failed
WRITE_SECONDS = 1.0  # between two inserts of new sources
AGAIN_SECONDS = 10.0  # between two reads because of an unknown source


# Labels set by an operator are kept.
_REGISTER = """
INSERT INTO source AS s (source_id, enabled, labels, registered_at) VALUES (%s, true, %s::jsonb, now())
ON CONFLICT (source_id) DO UPDATE SET labels = excluded.labels || s.labels WHERE NOT s.labels @> excluded.labels
"""


class SourceRegistry:
    """The copy of one event loop."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._known: set[str] | None = None  # None: not read yet
        self.disabled: frozenset[str] = frozenset()
        self._new: dict[str, dict[str, str]] = {}  # to be inserted, with their labels
        self._labelled: set[str] = set()
        self._changed = asyncio.Event()
        self._read_at = 0.0
        self._tasks = [self._loop.create_task(self._keep_reading()), self._loop.create_task(self._keep_writing())]

    def refresh(self) -> None:
        """Read the table again soon."""
        self._changed.set()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def unknown(self, names: set[str]) -> set[str]:
        """Return those of the sources that are not registered.

        :raises RequestRejected: the table could not be read yet
        """
        if self._known is None or (names - self._known and self._loop.time() > self._read_at + AGAIN_SECONDS):
            await self._read()
        return names - (self._known or set())

    def note(self, events: list[Event], labels: Labels | None = None) -> None:
        """Register new sources later, in the background.

        :param labels: labels of sources that may be new
        """
        if self._known is None:
            return
        for event in events:
            if event.source not in self._known and len(self._known) < receiver_limits().max_sources:
                self._known.add(event.source)
                self._new[event.source] = {}
        # The consumer may have registered the source before, without labels.
        for source, pairs in (labels or {}).items():
            if source in self._known and source not in self._labelled:
                self._labelled.add(source)
                self._new[source] = dict(pairs)

    async def _read(self) -> None:
        rows = await self._ask(lambda: list(Source.objects.values_list("source_id", "enabled")))
        self._known = {name for name, _ in rows} | self._new.keys()
        self.disabled = frozenset(name for name, enabled in rows if not enabled)
        self._read_at = self._loop.time()

    async def _keep_reading(self) -> None:
        while True:
            wait = REFRESH_SECONDS
            self._changed.clear()
            try:
                await self._read()
            except RequestRejected:
                wait = RETRY_SECONDS
            except Exception:
                logger.exception("the sources could not be read")
            # Not by wait_for(), which on Python 3.11 loses a cancellation that comes with the change.
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            if not self._new:
                continue
            new, self._new = self._new, {}
            try:
                await self._ask(lambda new=new: _write(new))  # type: ignore[misc]
            except RequestRejected:
                self._new = new | self._new
                await asyncio.sleep(RETRY_SECONDS)


def _write(sources: Mapping[str, dict[str, str]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(_REGISTER, [(source, json.dumps(labels)) for source, labels in sorted(sources.items())])
