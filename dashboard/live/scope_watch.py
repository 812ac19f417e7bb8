"""What the users of open sockets may see: looked up again and again, since groups, patterns, sources and sessions change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.contrib.sessions.models import Session

from ingestion.auth.read_scope import ReadScope
from ingestion.runtime.loop_singleton import LoopSingleton
from queries import user_scopes
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable

LOOK_SECONDS = 2.0  # how late a change of rights, or a new source, reaches an open socket

P = TypeVar("P")
R = TypeVar("R")
Listener = Callable[[ReadScope | None], None]  # None: not signed in any more

logger = logging.getLogger(__name__)


class ScopeWatch:
    """Looks up the scopes of all users with open sockets at once.

    That takes three queries, and one for each distinct set of patterns of their groups, however many sockets there are.
    While PostgreSQL does not answer, each socket stays as it is: it shows that outage.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._listeners: dict[Listener, tuple[int, str]] = {}  # with the user's primary key, and the key of the session
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live-scopes")
        self._looking: asyncio.Task[None] | None = None

    async def scope_of(self, user: int) -> ReadScope | None:
        """Return what a user may see now; None: there is no such user, or not an active one.

        :raises ReadUnavailable: PostgreSQL does not answer
        """
        return (await self._in_thread(user_scopes.scopes_of, {user})).get(user)

    def add(self, listener: Listener, user: int, session: str) -> None:
        """Call the listener with the user's scope after each look, changed or not, on the event loop."""
        self._listeners[listener] = user, session
        if self._looking is None:
            self._looking = asyncio.create_task(self._keep_looking())

    def remove(self, listener: Listener) -> None:
        """Stop calling the listener. May be called again."""
        self._listeners.pop(listener, None)
        if not self._listeners and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                found = await self._in_thread(_found, set(self._listeners.values()))
            except ReadUnavailable:
                continue
            except Exception:
                logger.exception("the rights of live viewers could not be looked up")
                continue
            for listener, asked in list(self._listeners.items()):
                # One that came meanwhile is told after the next look.
                if asked in found:
                    listener(found[asked])

    async def _in_thread(self, read: Callable[[P], R], asked: P) -> R:
        return await self.loop.run_in_executor(self._thread, read, asked)


def _found(asked: set[tuple[int, str]]) -> dict[tuple[int, str], ReadScope | None]:
    scopes = user_scopes.scopes_of({user for user, _ in asked})
    with postgres.bounded():
        present = Session.objects.filter(pk__in={session for _, session in asked})
        sessions = set(present.values_list("session_key", flat=True))
    return {(user, session): scopes.get(user) if session in sessions else None for user, session in asked}


current = LoopSingleton(ScopeWatch)
