"""Creates, rotates, expires, revokes and finds API keys; Redis notifies all receivers of every change at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

import msgspec
import redis
from django.conf import settings
from django.utils import timezone

from ingestion.auth import source_patterns, tokens
from ingestion.auth.source_patterns import ANY
from ingestion.events.timestamps import to_text_if_known
from ingestion.models import Key, Scope
from ingestion.runtime import pooled_connection, redis_client, signed_values

logger = logging.getLogger(__name__)
_changes = 0

CHANNEL = "dataflow:access"  # a message is a key's prefix, a new key's digest, or SOURCES; signed
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
    beginnings: tuple[str, ...] = ()  # of further sources; only beside `sources` that are not all

    @property
    def patterns(self) -> frozenset[str] | None:
        """The sources as they are named in the key; None: all of them."""
        if self.sources is None:
            return None
        return self.sources.union(beginning + ANY for beginning in self.beginnings)

    def outside(self, names: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of the sources that the key is not for. Called for each batch that a receiver takes."""
        if self.sources is None:
            return frozenset()
        others = names - self.sources
        if not others or not self.beginnings:
            return others
        return {name for name in others if not name.startswith(self.beginnings)}


ANYONE = Grant("", frozenset(Scope.values), None, "", None)


def create(  # noqa: PLR0913 - what there is to say about a key
    name: str,
    scopes: Iterable[str],
    *,
    sources: Iterable[str] = (),
    rate: str = "",
    expires_at: datetime | None = None,
    by: str = "",
    dry_run: bool = False,
) -> tuple[Key, str]:
    """Create a key and return it with its token, which is not stored. A dry run only validates.

    :param by: who makes it: a user, "key <prefix>" or "command line"
    :raises django.core.exceptions.ValidationError: a scope, a source or the rate is invalid
    """
    token = tokens.make()
    key = Key(
        name=name,
        prefix=token[tokens.PREFIX],
        digest=tokens.digest(token.encode()),
        secret_id=tokens.secret_id(),
        scopes=list(scopes),
        sources=list(sources),
        rate=rate,
        expires_at=expires_at,
        created_by=by,
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
        "createdBy": key.created_by,
        "lastUsedAt": to_text_if_known(key.last_used_at),
        "secretIsCurrent": key.secret_id == tokens.secret_id() if key.secret_id else None,
        "expiresAt": to_text_if_known(key.expires_at),
        "revokedAt": to_text_if_known(key.revoked_at),
    }


def rotate(key: Key, *, by: str = "", grace: timedelta = GRACE) -> tuple[Key, str]:
    """Create a second key with the same rights; the first one expires after `grace`."""
    fresh, token = create(key.name, key.scopes, sources=key.sources, rate=key.rate, by=by)
    ends = timezone.now() + grace
    if key.expires_at is None or key.expires_at > ends:
        expire(key, at=ends)
    return fresh, token


def expire(key: Key, *, at: datetime | None) -> None:
    """Set when a key expires; None: never."""
    key.expires_at = at
    key.save(update_fields=["expires_at"])
    push_change(key)


def revoke(key: Key) -> None:
    """Revoke a key; this can't be undone."""
    key.revoked_at = key.revoked_at or timezone.now()
    key.save(update_fields=["revoked_at"])
    push_change(key)


def find(digest: str, *older: str) -> Grant | None:
    """Return the rights of the key with this digest; None: there is none, or it is revoked or expired.

    :param older: digests of the same token under other secrets
    """
    key = Key.objects.filter(digest__in=[digest, *older], revoked_at=None).first()
    if key is None or (key.expires_at is not None and key.expires_at <= timezone.now()):
        return None
    split = source_patterns.split(key.sources) if key.sources else None
    return Grant(
        key.prefix,
        frozenset(key.scopes),
        None if split is None else split.ids,
        key.rate or settings.DATAFLOW_KEY_RATE,
        key.expires_at.timestamp() if key.expires_at else None,
        () if split is None else split.beginnings,
    )


def push_change(key: Key) -> None:
    """Notify every receiver that the rights of a key changed."""
    # By its prefix: a receiver may hold it under the hash of another secret than the one that is stored. Receivers of the
    # release before know keys by their digests alone.
    push(key.prefix, key.digest)


def changes() -> int:
    """Return how many changes of keys this process has told of."""
    return _changes


def push(*messages: str) -> None:
    """Notify every receiver of a change; without Redis they notice it within a minute."""
    global _changes  # noqa: PLW0603 - of the whole process
    _changes += 1
    pooled_connection.release()
    try:
        with redis_client.connect_from_thread(timeout=REDIS_TIMEOUT) as client:
            for message in messages:
                client.publish(CHANNEL, signed_values.sign(CHANNEL, message.encode()))
    except (redis.RedisError, OSError) as error:
        logger.warning(
            "Redis does not answer, receivers notice the change within a minute",
            extra={"reason": redis_client.reason(error)},
        )
