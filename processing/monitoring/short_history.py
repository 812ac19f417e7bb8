"""Samples of the last minutes or days in a list of Redis: best effort, a hole where nobody measured or Redis was away."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Generic, TypeVar, cast

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from ingestion.runtime import signed_values
from ingestion.runtime.redis_client import is_wrong_type

logger = logging.getLogger(__name__)

Sample = TypeVar("Sample", bound=msgspec.Struct)

# A process that measures a little early takes its turn all the same.
_TURN = 0.8
_FOREVER = -1  # Redis's answer about a key that does not expire


class ShortHistory(Generic[Sample]):
    """The last samples under one key; of all processes that measure, one adds in each turn."""

    def __init__(self, key: str, shape: type[Sample], *, most: int, every: float) -> None:
        """Describe it; nothing is asked yet.

        :param most: samples that are kept
        :param every: seconds from one to the next
        """
        self._key = key
        self._decoder = msgspec.json.Decoder(shape)
        self._most = most
        self._every = every

    def add(self, redis: Redis, sample: Sample) -> bool:
        """Add a sample; return False if another process has added one just now, or Redis does not answer."""
        body = signed_values.sign(self._key, msgspec.json.encode(sample))
        try:
            if not self._takes_turn(redis):
                return False
            try:
                redis.lpush(self._key, body)
            except RedisError as error:
                if not is_wrong_type(error):
                    raise
                redis.unlink(self._key)
                redis.lpush(self._key, body)
            redis.ltrim(self._key, 0, self._most - 1)
            redis.expire(self._key, round(self._every * self._most))
        except (RedisError, OSError) as error:
            logger.debug("sample not kept", extra={"key": self._key, "reason": type(error).__name__})
            return False
        return True

    def _takes_turn(self, redis: Redis) -> bool:
        turn = f"{self._key}:turn"
        if redis.set(turn, b"", nx=True, px=round(self._every * _TURN * 1000)):
            return True
        if redis.pttl(turn) == _FOREVER:
            redis.unlink(turn)  # not ours, which expires
        return False

    def read(self, redis: Redis) -> list[Sample]:
        """Return the samples, oldest first.

        :raises RedisError: Redis does not answer
        """
        try:
            found = cast("list[bytes]", redis.lrange(self._key, 0, self._most - 1))
        except RedisError as error:
            if is_wrong_type(error):
                return []
            raise
        return [*self._decoded(found[::-1])]

    def _decoded(self, values: list[bytes]) -> Iterator[Sample]:
        for value in values:
            body = signed_values.verify(self._key, value)
            try:
                if body is not None:
                    yield self._decoder.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # of another release
