"""Who is let in at a door: verdicts about keys, remembered so that a store that is away stops nobody who is known."""

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

from ingestion import keys, redis_link, tokens
from ingestion.keys import ANYONE, Grant
from ingestion.per_loop import PerLoop
from ingestion.problems import Code
from ingestion.rate_windows import parse_rate
from ingestion.rates import Bucket
from ingestion.registry import Registry
from ingestion.requests import Refused
from ingestion.terms import terms

logger = logging.getLogger(__name__)

KNOWN_SECONDS = 60.0  # a good verdict holds so long unasked
UNKNOWN_SECONDS = 10.0  # a bad one
TRUSTED_SECONDS = 3600.0  # a good one while PostgreSQL is away
LOOKUP_SECONDS = 2.0  # for one question to PostgreSQL
AWAY_SECONDS = 1.0  # after none was answered, nobody asks for so long
MAX_WAITING = 100  # questions at one time; a flood of made-up keys waits for nobody
REMEMBERED = 10_000  # verdicts
PING_SECONDS = 5.0
RETRY_SECONDS = 1.0

Found = TypeVar("Found")


class _Verdict:
    """What is remembered about one token; times on the loop's clock."""

    __slots__ = ("bucket", "fresh_until", "grant", "trusted_until")

    def __init__(self, grant: Grant | None, now: float) -> None:
        self.grant = grant
        self.fresh_until = now + (KNOWN_SECONDS if grant else UNKNOWN_SECONDS)
        self.trusted_until = now + TRUSTED_SECONDS
        self.bucket: Bucket | None = None


class Access:
    """One event loop's memory of keys and sources."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        # Threads of their own: one that PostgreSQL keeps waiting must not hold up Kafka's.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="access")
        self._verdicts: dict[str, _Verdict] = {}
        self._asking: dict[str, asyncio.Task[Grant | None]] = {}
        self._away_until = 0.0
        self.registry = Registry(self.ask)
        self._listening = self.loop.create_task(self._listen())

    def recall(self, head: Mapping[bytes, bytes], scope: str) -> tuple[Grant, Bucket | None] | None:
        """Let a request in by what is remembered; None where `grant` has to tell.

        :param head: its headers
        :raises Refused: past its rate
        """
        token = tokens.token_of(head)
        if terms().open_ingest and (token is None or not token.startswith(b"dfe_")):
            return ANYONE, None
        if token is None or not tokens.SHAPE.fullmatch(token):
            return None
        kept = self._verdicts.get(tokens.digest(token))
        if kept is None or self.loop.time() >= kept.fresh_until or not _allows(kept.grant, scope):
            return None
        assert kept.grant is not None
        return kept.grant, self._admit(kept, kept.grant)

    async def grant(self, head: Mapping[bytes, bytes], scope: str) -> tuple[Grant, Bucket | None]:
        """Let a request in.

        :param head: its headers
        :raises Refused: without a valid key, without the scope, or past its rate
        """
        known = self.recall(head, scope)
        if known is not None:
            return known
        token = tokens.token_of(head)
        if token is None or not tokens.SHAPE.fullmatch(token):
            raise tokens.unauthenticated()
        verdict = await self._verdict(tokens.digest(token))
        grant = verdict.grant
        if grant is None or _has_ended(grant):
            raise tokens.unauthenticated()
        if scope not in grant.scopes:
            raise Refused(Code.FORBIDDEN, f"the key does not have the scope {scope!r}")
        return grant, self._admit(verdict, grant)

    async def ask(self, question: Callable[[], Found]) -> Found:
        """Ask PostgreSQL in a thread.

        :raises Refused: it does not answer
        """
        if self.loop.time() < self._away_until:
            raise _store_away()
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await self.loop.run_in_executor(self._threads, _closing, question)
        except (DatabaseError, OSError, TimeoutError) as error:
            self._away_until = self.loop.time() + AWAY_SECONDS
            logger.warning("PostgreSQL does not tell the door about keys", extra={"reason": type(error).__name__})
            raise _store_away() from error

    def close(self) -> None:
        self._listening.cancel()
        self.registry.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _verdict(self, digest: str) -> _Verdict:
        now = self.loop.time()
        kept = self._verdicts.get(digest)
        if kept is not None and now < kept.fresh_until:
            return kept
        try:
            grant = await self._look_up(digest)
        except Refused:
            if kept is None or kept.grant is None or now >= kept.trusted_until:
                raise
            return kept
        fresh = _Verdict(grant, self.loop.time())
        if kept is not None and kept.grant == grant:
            fresh.bucket = kept.bucket
        while len(self._verdicts) >= REMEMBERED:
            del self._verdicts[next(iter(self._verdicts))]
        self._verdicts[digest] = fresh
        return fresh

    async def _look_up(self, digest: str) -> Grant | None:
        """Ask once for all who want to know at the same time."""
        asking = self._asking.get(digest)
        if asking is None:
            if len(self._asking) >= MAX_WAITING:
                raise Refused(Code.OVERLOADED, "too many unknown keys are being looked up")
            asking = self._asking[digest] = self.loop.create_task(self.ask(lambda: keys.find(digest)))
            asking.add_done_callback(lambda _: self._asking.pop(digest, None))
        return await asyncio.shield(asking)

    def _admit(self, verdict: _Verdict, grant: Grant) -> Bucket | None:
        if not grant.rate:
            return None
        if verdict.bucket is None:
            verdict.bucket = Bucket(parse_rate(grant.rate), now=self.loop.time())
        verdict.bucket.check(self.loop.time())
        return verdict.bucket

    async def _listen(self) -> None:
        """Hear of revoked keys and changed sources, for ever."""
        while True:
            try:
                await self._listen_once()
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311

    async def _listen_once(self) -> None:
        async with redis_link.connect(timeout=PING_SECONDS) as redis, redis.pubsub() as pubsub:
            await pubsub.subscribe(keys.CHANNEL)
            self._doubt()
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=PING_SECONDS)
                if message is None:
                    await pubsub.ping()
                elif message["type"] == "message":
                    self._hear(message["data"].decode())

    def _hear(self, message: str) -> None:
        if message == keys.SOURCES:
            self.registry.refresh()
        else:
            self._verdicts.pop(message, None)

    def _doubt(self) -> None:
        """Ask about every key anew, since a message may have been missed."""
        for verdict in self._verdicts.values():
            verdict.fresh_until = 0.0
        self.registry.refresh()


access = PerLoop(Access)


def _has_ended(grant: Grant) -> bool:
    return grant.expires is not None and grant.expires <= time.time()


def _allows(grant: Grant | None, scope: str) -> bool:
    return grant is not None and scope in grant.scopes and not _has_ended(grant)


def _closing(question: Callable[[], Found]) -> Found:
    try:
        return question()
    finally:
        connection.close()  # back to the pool


def _store_away() -> Refused:
    return Refused(Code.STORE_UNAVAILABLE, "the key can't be checked now: its store does not answer")
