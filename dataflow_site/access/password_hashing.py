"""Password hashes as Django makes them, computed while no connection to PostgreSQL is held."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from ingestion.runtime import pooled_connection


class Hasher(PBKDF2PasswordHasher):
    """The same algorithm under the same name, so that stored hashes stay valid. A hash takes some 100 ms."""

    def encode(self, password: str, salt: str, *args: Any, **kwargs: Any) -> str:
        pooled_connection.release()
        return super().encode(password, salt, *args, **kwargs)
