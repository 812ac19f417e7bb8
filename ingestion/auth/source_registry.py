"""What a receiver knows of the table of sources: many that are registered, all that are disabled. Registers new ones."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone

from ingestion.auth.source_quota import WINDOW_SECONDS, SourceQuota
from ingestion.events.identity import source_ids
from ingestion.models import Source
from ingestion.problems import RequestRejected

logger = logging.getLogger(__name__)

Labels = Mapping[str, dict[str, str]]  # by source
Ask = Callable[[Callable[[], Any]], Awaitable[Any]]

REFRESH_SECONDS = 60.0
RETRY_SECONDS = 5.0  # after a query failed
WRITE_SECONDS = 1.0  # between two inserts of new sources
AGAIN_SECONDS = 10.0  # a source that is not registered is not looked up again for so long

# The memory of a receiver does not grow with the table: some 15 MB for so many sources. Others are looked up.
KNOWN = 100_000
ABSENT = 10_000  # sources of which a lookup found no row
WAITING = 100_000  # sources to be inserted while PostgreSQL is away; those above it are left to the consumer
WAITING_LABEL_BYTES = 16 * 1024 * 1024  # of their labels
CHUNK = 10_000  # sources of one query

# Labels set by an operator are kept.
_REGISTER = """
INSERT INTO source AS s (source_id, enabled, labels, registered_at) VALUES (%s, true, %s::jsonb, now())
ON CONFLICT (source_id) DO UPDATE SET labels = excluded.labels || s.labels WHERE NOT s.labels @> excluded.labels
"""


class _Read(NamedTuple):
    """A part of the table."""

    registered: dict[str, None]
    disabled: frozenset[str]


class SourceRegistry:
    """The registry of one event loop."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self.quota = SourceQuota()
        self.disabled: frozenset[str] = frozenset()
        self._known: dict[str, None] | None = None  # registered sources, as an ordered set; None: not read yet
        self._absent: dict[str, float] = {}  # when to look up again, on the loop's clock
        self._new: dict[str, dict[str, str]] = {}  # to be inserted, with their labels
        self._label_bytes = 0  # of those
        self._labelled: dict[str, None] = {}
        self._changed = asyncio.Event()
        self._tasks = [self._loop.create_task(self._keep_reading()), self._loop.create_task(self._keep_writing())]

    def refresh(self) -> None:
        """Read the table again soon."""
        self._changed.set()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def uncertain(self, names: Iterable[str]) -> set[str]:
        """Return those of the sources that are not known to be registered."""
        known = self._known or {}
        return {name for name in names if name not in known}

    async def unknown(self, names: set[str]) -> set[str]:
        """Return those of the sources that are not registered.

        :raises RequestRejected: the table could not be read
        """
        if self._known is None:
            await self._read()
        now = self._loop.time()
        missing = self.uncertain(names)
        asked = [name for name in missing if self._absent.get(name, 0.0) <= now]
        if not asked:
            return missing
        found: set[str] = await self._ask(lambda: _registered(asked))
        for name in found:
            _add(self._known or {}, name, most=KNOWN)
        for name in asked:
            if name not in found:
                _add(self._absent, name, now + AGAIN_SECONDS, most=ABSENT)
        return missing - found

    def note(self, names: Iterable[str], labels: Labels | None = None) -> None:
        """Register sources whose events Kafka has acknowledged later, in the background.

        :param names: those that may be new
        :param labels: labels of sources that may be new
        """
        known = self._known
        for name in names:
            source_ids.remember(name)
            if (known is None or name not in known) and len(self._new) < WAITING:
                self._new.setdefault(name, {})
                self._absent.pop(name, None)
                if known is not None:
                    _add(known, name, most=KNOWN)
        # The consumer may have registered the source before, without labels.
        for source, pairs in (labels or {}).items():
            if source not in self._labelled:
                self._note_labels(source, pairs)

    def _note_labels(self, source: str, pairs: Mapping[str, str]) -> None:
        size = sum([len(key) + len(value) for key, value in pairs.items()])
        if self._label_bytes + size > WAITING_LABEL_BYTES or len(self._new) >= WAITING:
            return
        self._label_bytes += size
        self._new[source] = dict(pairs)
        _add(self._labelled, source, most=KNOWN)

    async def _read(self) -> None:
        before = list(self._known or ())
        read = await self._ask(lambda: _read_table(before))
        # What was noted meanwhile is not in the table yet.
        self._known = read.registered | dict.fromkeys(self._new)
        self.disabled = read.disabled
        self._absent.clear()
        source_ids.forget([name for name in before if name not in self._known])

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
            size, self._label_bytes = self._label_bytes, 0
            try:
                self.quota.release(await self._ask(lambda new=new: _write(new)))  # type: ignore[misc]
            except RequestRejected:
                self._new = new | self._new
                self._label_bytes += size
                await asyncio.sleep(RETRY_SECONDS)


def _add(ordered: dict[str, Any], name: str, value: object = None, *, most: int) -> None:
    """Add to a bounded dictionary; the oldest entry gives way."""
    while len(ordered) >= most:
        del ordered[next(iter(ordered))]
    ordered[name] = value


def _read_table(before: list[str]) -> _Read:
    """Read the whole table if it is small, else what has become of the sources that were known."""
    disabled = frozenset(Source.objects.filter(enabled=False).values_list("source_id", flat=True))
    first = list(Source.objects.values_list("source_id", flat=True)[: KNOWN + 1])
    if len(first) > KNOWN and before:
        return _Read(dict.fromkeys(_registered(before)), disabled)
    return _Read(dict.fromkeys(first[:KNOWN]), disabled)


def _registered(names: Collection[str]) -> set[str]:
    left = iter(names)
    found: set[str] = set()
    while chunk := list(islice(left, CHUNK)):
        found.update(Source.objects.filter(source_id__in=chunk).values_list("source_id", flat=True))
    return found


def _write(sources: Mapping[str, dict[str, str]]) -> list[str]:
    """Insert sources, and return those that were registered before the quota's window."""
    old = timezone.now() - timedelta(seconds=WINDOW_SECONDS)
    found = list(
        Source.objects.filter(source_id__in=list(sources), registered_at__lt=old).values_list("source_id", flat=True)
    )
    with connection.cursor() as cursor:
        cursor.executemany(_REGISTER, [(source, json.dumps(labels)) for source, labels in sorted(sources.items())])
    return found
