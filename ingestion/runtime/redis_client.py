"""The Redis client of receivers, with a short timeout: receivers work without Redis."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import redis
from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from ingestion.runtime.loop_singleton import LoopSingleton

logger = logging.getLogger(__name__)

TIMEOUT = 0.09  # seconds for one command, the longest that a request may wait
AWAY_SECONDS = 1.0  # after a failure no command is tried for so long

Command = Sequence[bytes | str | int]


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
        """Return the answer to one command, whose second word is a key.

        :raises RedisUnavailable: Redis does not answer
        """
        [answer] = await self.call_all(command)
        return answer

    async def call_all(self, *commands: Command) -> list[Any]:
        """Return the answers to several commands, sent together; the second word of each is a key.

        A key whose value is of another type, which this product never wrote, is deleted, and the commands are sent again.

        :raises RedisUnavailable: Redis does not answer, or refuses one of them
        """
        answers = await self._send(commands)
        wrong = [command[1] for command, answer in zip(commands, answers, strict=True) if is_wrong_type(answer)]
        if wrong:
            _, *answers = await self._send([("UNLINK", *wrong), *commands])
        for answer in answers:
            if isinstance(answer, RedisError):
                self._note_failure(answer)
                raise RedisUnavailable from answer
        self._is_away = False
        return answers

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        if self.loop.time() < self._away_until:
            raise RedisUnavailable
        pipeline = self.redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            async with asyncio.timeout(TIMEOUT):
                answers: list[Any] = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            self._note_failure(error)
            raise RedisUnavailable from error
        return answers

    def _note_failure(self, error: Exception) -> None:
        self._away_until = self.loop.time() + AWAY_SECONDS
        if not self._is_away:
            logger.warning("Redis does not answer the receiver", extra={"reason": reason(error)})
        self._is_away = True


link = LoopSingleton(RedisClient)


def is_wrong_type(answer: object) -> bool:
    """Return whether Redis refused a command because the key's value is of another type."""
    return isinstance(answer, ResponseError) and str(answer).startswith("WRONGTYPE")


def reason(error: BaseException) -> str:
    """Return why Redis can't be used, for the log: nothing of what was sent or received."""
    if isinstance(error, AuthenticationError | NoPermissionError):
        return f"{type(error).__name__}: check REDIS_URL, REDIS_USERNAME, REDIS_PASSWORD and the user's rights"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "its certificate is not trusted: check REDIS_SSL_CAFILE and the host's name in REDIS_URL"
    return type(error).__name__


def connect(*, timeout: float, connect_timeout: float | None = None) -> Redis:
    """Create a client; it connects at its first command.

    :param timeout: seconds for a command, and for the connection unless `connect_timeout` is given
    """
    return Redis(**_options(timeout, connect_timeout))


def connect_from_thread(*, timeout: float) -> redis.Redis:
    """Create a client for code without an event loop; it connects at its first command."""
    return redis.Redis(**_options(timeout))


def _options(timeout: float, connect_timeout: float | None = None) -> dict[str, Any]:
    return {
        **settings.REDIS_CONNECTION,
        "socket_connect_timeout": connect_timeout or timeout,
        "socket_timeout": timeout,
    }
