"""The Redis client of receivers, with a short timeout: receivers work without Redis."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import redis
from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ingestion.runtime.loop_singleton import LoopSingleton

logger = logging.getLogger(__name__)

TIMEOUT = 0.09  # seconds for one command, the longest that a request may wait
AWAY_SECONDS = 1.0  # after a failure no command is tried for so long


class RedisUnavailable(Exception):
    """Redis does not answer; the caller continues without it."""


class RedisClient:
    """The connections of one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._away_until = 0.0
        self._is_away = False  # so that it is logged once
        self.redis = connect(timeout=TIMEOUT)

    async def call(self, *command: bytes | str | int) -> Any:
        """Return the answer to one command.

        :raises RedisUnavailable: Redis does not answer
        """
        if self.loop.time() < self._away_until:
            raise RedisUnavailable
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await self.redis.execute_command(*command)  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = self.loop.time() + AWAY_SECONDS
            if not self._is_away:
                logger.warning("Redis does not answer the receiver", extra={"reason": type(error).__name__})
            self._is_away = True
            raise RedisUnavailable from error
        self._is_away = False
        return answer


link = LoopSingleton(RedisClient)


def connect(*, timeout: float) -> Redis:
    """Create a client; it connects at its first command."""
    return Redis(**_options(timeout))


def connect_from_thread(*, timeout: float) -> redis.Redis:
    """Create a client for code without an event loop; it connects at its first command."""
    return redis.Redis(**_options(timeout))


def _options(timeout: float) -> dict[str, Any]:
    host, _, port = settings.REDIS_ADDR.rpartition(":")
    return {
        "host": host,
        "port": int(port),
        "db": settings.REDIS_DB,
        "password": settings.REDIS_PASSWORD or None,
        "socket_connect_timeout": timeout,
        "socket_timeout": timeout,
    }
