"""Sessions in PostgreSQL (setting SESSION_ENGINE), for pages and for the live feed."""

from __future__ import annotations

import re
import time
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import db

TOUCH_SECONDS = 300.0  # a use is noted so often at most, since that is a write

# As django.contrib.sessions makes them.
_KEY = re.compile(r"[a-z0-9]{32}")
# Seconds since the epoch: of the sign-in, and of the last use that was noted.
_BEGAN, _USED = "_began", "_used"


class SessionStore(db.SessionStore):
    """A session ends some time after the sign-in, and sooner if it is not used.

    A cookie of another form is no session: PostgreSQL need not, and sometimes can't, look for it.
    """

    def load(self) -> dict[str, Any]:
        """Return what the session holds; one that is too old is deleted and holds nothing."""
        data: dict[str, Any] = super().load()
        if not _is_over(data, time.time()):
            return data
        self.delete()
        self._session_key = None
        return {}

    def begin(self) -> None:
        """Note the sign-in."""
        self[_BEGAN] = self[_USED] = time.time()

    def touch(self) -> bool:
        """Note a use. Return whether the session has to be saved."""
        now = time.time()
        if now - self.get(_USED, 0.0) < TOUCH_SECONDS:
            return False
        self.setdefault(_BEGAN, now)
        self[_USED] = now
        return True

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(key and _KEY.fullmatch(key))


def _is_over(data: dict[str, Any], now: float) -> bool:
    age: float = now - data.get(_BEGAN, now)
    idle: float = now - data.get(_USED, now)
    return age > settings.DATAFLOW_SESSION_HOURS * 3600 or idle > settings.DATAFLOW_SESSION_IDLE_HOURS * 3600
