"""Sessions in PostgreSQL (setting SESSION_ENGINE), for pages and for the live feed."""

from __future__ import annotations

import re

from django.contrib.sessions.backends import db

# As django.contrib.sessions makes them.
_KEY = re.compile(r"[a-z0-9]{32}")


class SessionStore(db.SessionStore):
    """A cookie of another form is no session: PostgreSQL need not, and sometimes can't, look for it."""

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(key and _KEY.fullmatch(key))
