"""Creates, rotates, expires, revokes and finds API keys; Redis notifies all receivers of every change at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
import redis
from django.conf import settings
from django.utils import timezone

from ingestion.auth import tokens
from ingestion.events.timestamps import to_text_if_known
from ingestion.models import Key, Scope
from ingestion.runtime import redis_client, signed_values

logger = logging.getLogger(__name__)

CHANNEL = "dataflow:access"  # a message is a key's digest, or SOURCES, signed
SOURCES = "sources"  # the registry of sources has changed
GRACE = timedelta(days=1)  # how long the old key stays valid after a rotation
REDIS_TIMEOUT = 0.5  # seconds


class Grant(msgspec.Struct, frozen=True, gc=False):
    """The rights of a key."""

    key: str  # the key's prefix; empty if no key was required
    scopes: frozenset[str]
    sources: frozenset[str] | None  # None: all of them
    rate: str
    expires: float | None  # seconds since the epoch


ANYONE = Grant("", frozenset(Scope.values), None, "", None)


def create(
    name: str,
    scopes: Iterable[str],
    *,
    sources: Iterable[str] = (),
    rate: str = "",
    expires_at: datetime | None = None,
    dry_run: bool = False,
) -> tuple[Key, str]:
    """Create a key and return it with its token, which is not stored. A dry run only validates.

    :raises django.core.exceptions.ValidationError: a scope, a source or the rate is invalid
    """
    token = tokens.make()
    key = Key(
        name=name,
        prefix=token[tokens.PREFIX],
        digest=tokens.digest(token.encode()),
        scopes=list(scopes),
        sources=list(sources),
        rate=rate,
        expires_at=expires_at,
    )
    key.full_clean()
    if not dry_run:
        key.save()
        # Receivers may have cached that there is no such key.
        push(key.digest)
    return key, token


def shape(key: Key) -> dict[str, object]:
    """Return a key as JSON, without its token."""
    return {
        "prefix": key.prefix,
        "name": key.name,
        "scopes": key.scopes,
        "sources": key.sources,
        "rate": key.rate,
        "createdAt": to_text_if_known(key.created_at),
        "expiresAt": to_text_if_known(key.expires_at),
        "revokedAt": to_text_if_known(key.revoked_at),
    }


def rotate(key: Key, *, grace: timedelta = GRACE) -> tuple[Key, str]:
    """Create a second key with the same rights; the first one expires after `grace`."""
    fresh, token = create(key.name, key.scopes, sources=key.sources, rate=key.rate)
    ends = timezone.now() + grace
    if key.expires_at is None or key.expires_at > ends:
        expire(key, at=ends)
    return fresh, token


def expire(key: Key, *, at: datetime | None) -> None:
    """Set when a key expires; None: never."""
    key.expires_at = at
    key.save(update_fields=["expires_at"])
    push(key.digest)


def revoke(key: Key) -> None:
    """Revoke a key; this can't be undone."""
    key.revoked_at = key.revoked_at or timezone.now()
    key.save(update_fields=["revoked_at"])
    push(key.digest)


def find(digest: str) -> Grant | None:
    """Return the rights of the key with this digest; None: there is none, or it is revoked or expired."""
    key = Key.objects.filter(digest=digest, revoked_at=None).first()
    if key is None or (key.expires_at is not None and key.expires_at <= timezone.now()):
        return None
    return Grant(
        key.prefix,
        frozenset(key.scopes),
        frozenset(key.sources) or None,
        key.rate or settings.DATAFLOW_KEY_RATE,
        key.expires_at.timestamp() if key.expires_at else None,
    )


def push(message: str) -> None:
    """Notify every receiver of a change; without Redis they notice it within a minute."""
    try:
        with redis_client.connect_from_thread(timeout=REDIS_TIMEOUT) as client:
            client.publish(CHANNEL, signed_values.sign(CHANNEL, message.encode()))
    except (redis.RedisError, OSError) as error:
        logger.warning(
            "Redis does not answer, receivers notice the change within a minute", extra={"reason": type(error).__name__}
        )
