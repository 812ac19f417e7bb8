"""Limits the guesses of passwords: by user name and address together, and by address."""

from __future__ import annotations

import hashlib
import logging
from ipaddress import IPv6Address
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import HttpRequest

from ingestion.runtime import client_address

WINDOW_MINUTES = 15
# Not by name alone, or a stranger could lock out every user.
MOST_OF_ONE_NAME = 10  # from one address
MOST_OF_ONE_ADDRESS = 50  # under any name; an office may share one
_REMOVED = 100  # old rows with each attempt, so that there are never many

logger = logging.getLogger(__name__)

_COUNT = f"""
    INSERT INTO sign_in_failures AS known (name, failures, since) VALUES (%s, 1, now())
    ON CONFLICT (name) DO UPDATE SET
        failures = CASE WHEN known.since < now() - interval '{WINDOW_MINUTES} minutes' THEN 1 ELSE known.failures + 1 END,
        since = CASE WHEN known.since < now() - interval '{WINDOW_MINUTES} minutes' THEN now() ELSE known.since END
    RETURNING failures
"""  # noqa: S608 - made of constants
_REMOVE_OLD = f"""
    DELETE FROM sign_in_failures WHERE name IN (
        SELECT name FROM sign_in_failures WHERE since < now() - interval '{WINDOW_MINUTES} minutes'
        LIMIT {_REMOVED} FOR UPDATE SKIP LOCKED)
"""  # noqa: S608 - made of constants


class LimitedBackend(ModelBackend):
    """Django's own users and passwords. Past a limit nothing is hashed, and the sign-in says when to try again."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Return the user whose password this is.

        :raises ValidationError: too many wrong ones came from this address; a form shows its text
        """
        if request is None or not username:
            return super().authenticate(request, username=username, password=password, **kwargs)
        address = _address(request)
        one_name, any_name = _digest(f"{address} {username}"), _digest(address)
        # Counted before the password is checked, so that guesses at one time count, too.
        if _count(one_name) > MOST_OF_ONE_NAME or _count(any_name) > MOST_OF_ONE_ADDRESS:
            logger.warning("sign-in refused after too many wrong passwords", extra={"address": address})
            raise ValidationError(
                f"Too many wrong passwords from this address. Try again in {WINDOW_MINUTES} minutes.", code="locked"
            )
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is not None:
            _forgive(one_name, any_name)
        return user


def _address(request: HttpRequest) -> str:
    """Return the client's address, of IPv6 the network that one client usually has."""
    text = client_address.of(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))
    found = client_address.parsed(text)
    return str(IPv6Address(int(found) >> 64 << 64)) if isinstance(found, IPv6Address) else str(found)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=32).hexdigest()


def _count(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE_OLD)
        cursor.execute(_COUNT, [name])
        [(failures,)] = cursor.fetchall()
    return int(failures)


def _forgive(one_name: str, any_name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sign_in_failures WHERE name = %s", [one_name])
        cursor.execute("UPDATE sign_in_failures SET failures = failures - 1 WHERE name = %s", [any_name])
