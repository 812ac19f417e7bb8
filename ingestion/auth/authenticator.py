"""Authenticates API keys, with a cache: while PostgreSQL does not answer, keys that are cached stay valid."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import DatabaseError, connection
from redis.exceptions import RedisError

from ingestion import metrics
from ingestion.auth import api_keys, tokens
from ingestion.auth.api_keys import ANYONE, Grant
from ingestion.auth.key_use import KeyUses
from ingestion.auth.rate_limits import TokenBucket, TokenBuckets
from ingestion.auth.source_registry import SourceRegistry
from ingestion.auth.source_throttle import SourceThrottle
from ingestion.problems import Code, RequestRejected
from ingestion.rate_windows import parse_rate
from ingestion.runtime import redis_client, signed_values
from ingestion.runtime.limits import receiver_limits
from ingestion.runtime.loop_singleton import LoopSingleton

logger = logging.getLogger(__name__)

KNOWN_SECONDS = 60.0  # a valid key is cached
UNKNOWN_SECONDS = 10.0  # an invalid one
TRUSTED_SECONDS = 3600.0  # a valid one while PostgreSQL does not answer
LOOKUP_SECONDS = 2.0  # for one query
AWAY_SECONDS = 1.0  # after a query failed, no other is tried for so long
MAX_WAITING = 100  # lookups at one time; limits what a flood of invented keys can cost
REMEMBERED = 10_000  # valid keys in the cache
REMEMBERED_UNKNOWN = 1_000  # invalid ones, in a cache of their own: made-up keys push out nothing but each other
PING_SECONDS = 5.0
RETRY_SECONDS = 1.0

Found = TypeVar("Found")


class _CachedGrant:
    """The cache entry of a valid token; times on the loop's clock."""

    __slots__ = ("fresh_until", "grant", "trusted_until")

    def __init__(self, grant: Grant, now: float) -> None:
        self.grant = grant
        self.fresh_until = now + KNOWN_SECONDS
        self.trusted_until = now + TRUSTED_SECONDS


class Authenticator:
    """The cache of keys and sources of one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        # Its own threads: one that waits for PostgreSQL must not delay those that Kafka needs.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="access")
        self._cached: dict[str, _CachedGrant] = {}
        self._unknown: dict[str, float] = {}  # until when a token is invalid, on the loop's clock
        self._buckets = TokenBuckets()
        self._lookups: dict[str, asyncio.Task[Grant | None]] = {}
        self._away_until = 0.0
        self.registry = SourceRegistry(self.ask)
        self.throttle = SourceThrottle(self.ask)
        self._uses = KeyUses(self.ask)
        self._is_closed = False
        self._listening = self.loop.create_task(self._listen())

    def recall(self, head: Mapping[bytes, bytes], scope: str) -> tuple[Grant, TokenBucket | None] | None:
        """Authenticate a request from the cache; None if `grant` has to be awaited.

        :param head: the headers of the request
        :raises RequestRejected: over the rate of its key
        """
        token = tokens.token_of(head)
        if receiver_limits().open_ingest and (token is None or not token.startswith(b"dfe_")):
            return ANYONE, None
        if token is None or not tokens.SHAPE.fullmatch(token):
            return None
        cached = self._cached.get(tokens.digest(token))
        if cached is None or self.loop.time() >= cached.fresh_until or not _allows(cached.grant, scope):
            return None
        metrics.KEY_CACHE.counts["hit"] += 1
        return cached.grant, self._admit(cached.grant)

    async def grant(self, head: Mapping[bytes, bytes], scope: str) -> tuple[Grant, TokenBucket | None]:
        """Authenticate a request.

        :param head: the headers of the request
        :raises RequestRejected: no valid key, a missing scope, or over the rate of its key
        """
        known = self.recall(head, scope)
        if known is not None:
            return known
        token = tokens.token_of(head)
        if token is None or not tokens.SHAPE.fullmatch(token):
            raise tokens.unauthenticated()
        grant = await self._find(tokens.digest(token), tokens.older_digests(token))
        if grant is None or _has_ended(grant):
            raise tokens.unauthenticated()
        if scope not in grant.scopes:
            raise RequestRejected(Code.FORBIDDEN, f"the key does not have the scope {scope!r}")
        return grant, self._admit(grant)

    async def ask(self, query: Callable[[], Found]) -> Found:
        """Run a query in a thread.

        :raises RequestRejected: PostgreSQL does not answer
        """
        if self.loop.time() < self._away_until:
            raise _store_away()
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await self.loop.run_in_executor(self._threads, _run_query, query)
        except (DatabaseError, OSError, TimeoutError) as error:
            self._away_until = self.loop.time() + AWAY_SECONDS
            logger.warning(
                "PostgreSQL does not answer, keys can't be looked up", extra={"reason": type(error).__name__}
            )
            raise _store_away() from error

    def close(self) -> None:
        # The flag too: redis-py loses a cancellation while it connects, and the process could not end.
        self._is_closed = True
        self._listening.cancel()
        self.registry.close()
        self.throttle.close()
        self._uses.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _find(self, digest: str, older: tuple[str, ...]) -> Grant | None:
        """Return the rights of a key, from the cache if it can be; None: it is not valid.

        :raises RequestRejected: PostgreSQL does not answer, and the key was not valid within the last hour
        """
        now = self.loop.time()
        cached = self._cached.get(digest)
        if cached is not None and now < cached.fresh_until:
            return cached.grant
        if now < self._unknown.get(digest, 0.0):
            metrics.KEY_CACHE.counts["hit"] += 1
            return None
        metrics.KEY_CACHE.counts["miss" if cached is None else "stale"] += 1
        try:
            grant = await self._look_up(digest, older, is_known=cached is not None)
        except RequestRejected:
            if cached is None or now >= cached.trusted_until:
                raise
            return cached.grant
        self._remember(digest, grant)
        return grant

    def _remember(self, digest: str, grant: Grant | None) -> None:
        now = self.loop.time()
        # The entry moves to the end: the one that is looked up least gives way.
        self._cached.pop(digest, None)
        if grant is None:
            while len(self._unknown) >= REMEMBERED_UNKNOWN:
                del self._unknown[next(iter(self._unknown))]
            self._unknown[digest] = now + UNKNOWN_SECONDS
            return
        while len(self._cached) >= REMEMBERED:
            del self._cached[next(iter(self._cached))]
        self._cached[digest] = _CachedGrant(grant, now)
        metrics.KEYS_CACHED.set(len(self._cached))
        self._uses.add(grant.key, digest)

    async def _look_up(self, digest: str, older: tuple[str, ...], *, is_known: bool) -> Grant | None:
        """Look up a key; concurrent requests with the same key share one query."""
        lookup = self._lookups.get(digest)
        if lookup is None:
            if len(self._lookups) >= MAX_WAITING and not is_known:
                raise RequestRejected(Code.OVERLOADED, "too many unknown keys are being looked up")
            lookup = self._lookups[digest] = self.loop.create_task(self.ask(lambda: api_keys.find(digest, *older)))
            lookup.add_done_callback(lambda _: self._lookups.pop(digest, None))
        return await asyncio.shield(lookup)

    def _admit(self, grant: Grant) -> TokenBucket | None:
        if not grant.rate:
            return None
        now = self.loop.time()
        bucket = self._buckets.of(grant.key, parse_rate(grant.rate), now=now)
        bucket.check(now)
        return bucket

    async def _listen(self) -> None:
        """Receive notifications of revoked keys and changed sources, until closed."""
        while not self._is_closed:
            try:
                await self._listen_once()
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311

    async def _listen_once(self) -> None:
        async with redis_client.connect(timeout=PING_SECONDS) as redis, redis.pubsub() as pubsub:
            await pubsub.subscribe(api_keys.CHANNEL)
            self._invalidate_all()
            while not self._is_closed:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=PING_SECONDS)
                if message is None:
                    await pubsub.ping()
                elif message["type"] == "message":
                    self._invalidate(message["data"])

    def _invalidate(self, message: object) -> None:
        body = signed_values.verify(api_keys.CHANNEL, message)
        if body is None:
            # Of someone else who writes to Redis.
            return
        changed = body.decode(errors="replace")
        if changed == api_keys.SOURCES:
            self.registry.refresh()
        elif len(changed) == tokens.PREFIX_LENGTH:
            for digest, cached in list(self._cached.items()):
                if cached.grant.key == changed:
                    del self._cached[digest]
        else:
            self._cached.pop(changed, None)
            self._unknown.pop(changed, None)
        metrics.KEYS_CACHED.set(len(self._cached))

    def _invalidate_all(self) -> None:
        """Expire every cached key, since a notification may have been missed."""
        for cached in self._cached.values():
            cached.fresh_until = 0.0
        self._unknown.clear()
        self.registry.refresh()


authenticator = LoopSingleton(Authenticator)


def _has_ended(grant: Grant) -> bool:
    return grant.expires is not None and grant.expires <= time.time()


def _allows(grant: Grant, scope: str) -> bool:
    return scope in grant.scopes and not _has_ended(grant)


def _run_query(query: Callable[[], Found]) -> Found:
    try:
        return query()
    finally:
        connection.close()  # back to the pool


def _store_away() -> RequestRejected:
    return RequestRejected(Code.STORE_UNAVAILABLE, "the key can't be checked now: its store does not answer")
