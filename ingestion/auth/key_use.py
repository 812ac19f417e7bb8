"""Records when keys are used, and moves the hashes of used keys to the present secret; best effort."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from django.db import DatabaseError, connection

from ingestion.auth import tokens
from ingestion.problems import RequestRejected

logger = logging.getLogger(__name__)

EVERY_SECONDS = 50  # between two writes for one key; receivers look a key up once a minute
FLUSH_SECONDS = 1.0  # uses of a receiver are gathered for so long
MAX_NOTED = 10_000  # keys that a process remembers to have written

# A row that is locked is left for the next use: nobody waits for a time of use.
_RECORD = """
UPDATE key SET last_used_at = now(), digest = %(digest)s, secret_id = %(secret)s
WHERE id IN (
    SELECT id FROM key
    WHERE prefix = %(prefix)s AND (
        last_used_at IS NULL OR last_used_at < now() - %(every)s * interval '1 second' OR secret_id <> %(secret)s
    )
    FOR UPDATE SKIP LOCKED
)
"""

# By prefix, on the monotonic clock: when this process last wrote.
_noted: dict[str, float] = {}


class Asks(Protocol):
    """Runs a query in a thread."""

    def __call__(self, query: Callable[[], None]) -> Awaitable[None]:
        """:raises RequestRejected: PostgreSQL does not answer"""


class KeyUses:
    """The uses of keys by one receiver, written in the background."""

    def __init__(self, ask: Asks) -> None:
        self._ask = ask
        self._waiting: dict[str, str] = {}
        self._flushing: asyncio.Task[None] | None = None

    def add(self, prefix: str, digest: str) -> None:
        """Note that a key is in use; it is written within seconds.

        :param digest: the hash of its token under the present secret
        """
        self._waiting[prefix] = digest
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    def close(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()

    async def _flush(self) -> None:
        while self._waiting:
            await asyncio.sleep(FLUSH_SECONDS)
            uses, self._waiting = self._waiting, {}
            try:
                await self._ask(lambda uses=uses: record(uses))  # type: ignore[misc]
            except RequestRejected:
                logger.debug("uses of keys were not written")


def note(prefix: str, digest: str) -> None:
    """Record the use of a key by a process without receivers, at once but seldom.

    :param digest: the hash of its token under the present secret
    """
    now = time.monotonic()
    if now - _noted.get(prefix, -EVERY_SECONDS) < EVERY_SECONDS:
        return
    if len(_noted) >= MAX_NOTED:
        _noted.clear()
    _noted[prefix] = now
    record({prefix: digest})


def record(uses: Mapping[str, str]) -> None:
    """Write that these keys are in use; a server that takes no changes is no error.

    :param uses: the hash of each key's token under the present secret, by its prefix
    """
    secret = tokens.secret_id()
    # In one order, so that two processes can't wait for each other.
    values: list[Mapping[str, str | int]] = [
        {"prefix": prefix, "digest": digest, "secret": secret, "every": EVERY_SECONDS}
        for prefix, digest in sorted(uses.items())
    ]
    try:
        with connection.cursor() as cursor:
            cursor.executemany(_RECORD, values)
    except DatabaseError as error:
        logger.debug("uses of keys were not written", extra={"reason": type(error).__name__})
