"""Password hashes as Django makes them, computed while no connection to PostgreSQL is held."""

from __future__ import annotations

import threading
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from ingestion.runtime import pooled_connection

# So that many sign-ins at one time leave processors to everything else.
_at_one_time = threading.BoundedSemaphore(2)


class Hasher(PBKDF2PasswordHasher):
    """The same algorithm under the same name, so that stored hashes stay valid. A hash takes some 100 ms."""

    def encode(self, password: str, salt: str, *args: Any, **kwargs: Any) -> str:
        pooled_connection.release()
        with _at_one_time:
            return super().encode(password, salt, *args, **kwargs)
