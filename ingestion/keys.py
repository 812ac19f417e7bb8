"""Making, rotating, ending and finding keys; every change is pushed to the doors at once, through Redis."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
import redis
from django.conf import settings
from django.utils import timezone

from ingestion import redis_link, tokens
from ingestion.models import Key, Scope
from ingestion.timestamps import to_text_if_known

logger = logging.getLogger(__name__)

CHANNEL = "dataflow:access"  # a message is a key's digest, or SOURCES
SOURCES = "sources"  # the registry of sources has changed
GRACE = timedelta(days=1)  # how long the old key lives beside the new one after a rotation
REDIS_TIMEOUT = 0.5  # seconds


class Grant(msgspec.Struct, frozen=True, gc=False):
    """What the bearer of a key may do."""

    key: str  # the key's prefix; empty where no key was needed
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
    """Make a key; the token is given here and can't be had again. In a dry run it is checked, and not kept.

    :raises django.core.exceptions.ValidationError: a scope, a source or the rate is not of its form
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
        # A door may remember that there was no such key.
        push(key.digest)
    return key, token


def shape(key: Key) -> dict[str, object]:
    """Lay a key out for programs, without its token."""
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
    """Make a second key with the same rights; the first one ends after the grace."""
    fresh, token = create(key.name, key.scopes, sources=key.sources, rate=key.rate)
    ends = timezone.now() + grace
    if key.expires_at is None or key.expires_at > ends:
        expire(key, at=ends)
    return fresh, token


def expire(key: Key, *, at: datetime | None) -> None:
    """Let a key end at a time; None: never."""
    key.expires_at = at
    key.save(update_fields=["expires_at"])
    push(key.digest)


def revoke(key: Key) -> None:
    """End a key now and for ever."""
    key.revoked_at = key.revoked_at or timezone.now()
    key.save(update_fields=["revoked_at"])
    push(key.digest)


def find(digest: str) -> Grant | None:
    """Give what the key with this digest grants; None: no such key, or it has ended."""
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
    """Tell every door that something has changed; without Redis they notice within a minute."""
    try:
        with redis_link.connect_from_thread(timeout=REDIS_TIMEOUT) as client:
            client.publish(CHANNEL, message)
    except (redis.RedisError, OSError) as error:
        logger.warning("doors learn of a change late: Redis is away", extra={"reason": type(error).__name__})
