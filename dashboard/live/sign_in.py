"""Whether the user of a socket is signed in: when it opens, and again while it stays open."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

RECHECK_SECONDS = 60.0

Scope = Mapping[str, Any]


def name_of(scope: Scope) -> str:
    """Return the name under which a socket's user is counted; empty: not signed in."""
    user = scope["user"]
    return str(user.pk) if user is not None and user.is_active else ""


async def until_signed_out(scope: Scope) -> None:
    """Wait until the session of a socket ends: it is deleted or too old, the user inactive, or the password another.

    It is checked about once a minute. While PostgreSQL does not answer nothing is known, and the socket stays open:
    it shows that outage.
    """
    while True:
        # Not all at once after a restart.
        await asyncio.sleep(RECHECK_SECONDS * random.uniform(0.8, 1.0))  # noqa: S311 - no secret
        try:
            if not await _still_signed_in(scope["session"].session_key):
                return
        except (DatabaseError, PoolTimeout):
            continue


async def _still_signed_in(key: str | None) -> bool:
    store = import_module(settings.SESSION_ENGINE).SessionStore(key)
    scope: Any = {"session": store}
    user = await get_user(scope)
    if user.is_active and store.touch():
        try:
            await database_sync_to_async(store.save)()
        except UpdateError:
            # It was deleted at this moment.
            return False
    return bool(user.is_active)
