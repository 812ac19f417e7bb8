"""The Redis subscription of a web process, from which the consumers' frames come."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Literal

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from ingestion.runtime import redis_client
from processing import live_feed
from processing.live_feed import ConsumerFrame

PING_SECONDS = 1.0  # interval of pings while no message arrives
CONNECT_SECONDS = 1.0
SILENT_SECONDS = 3.0  # without an answer for this long, Redis counts as unavailable
WARN_SECONDS = 60.0  # between two warnings of foreign messages
RETRY_SECONDS = (0.25, 5.0)  # back-off, doubled from the first to the second, with jitter

FeedState = Literal["live", "sampling"]  # frames arrive, or the stores are read instead

logger = logging.getLogger(__name__)
_warn_again_at = 0.0  # time.monotonic()


async def follow_frames(on_frame: Callable[[ConsumerFrame], None], on_state: Callable[[FeedState], None]) -> None:
    """Pass every frame to `on_frame`, and each change of the feed's state to `on_state`. Ends only by cancellation."""
    delay = RETRY_SECONDS[0]
    while True:
        began = time.monotonic()
        try:
            await _listen_once(on_frame, on_state)
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("live feed lost Redis", extra={"reason": redis_client.reason(error)})
        on_state("sampling")
        delay = RETRY_SECONDS[0] if time.monotonic() - began > RETRY_SECONDS[1] else min(delay * 2, RETRY_SECONDS[1])
        await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311


async def _listen_once(on_frame: Callable[[ConsumerFrame], None], on_state: Callable[[FeedState], None]) -> None:
    redis = redis_client.connect(timeout=SILENT_SECONDS, connect_timeout=CONNECT_SECONDS)
    async with redis, redis.pubsub() as pubsub:
        await pubsub.subscribe(live_feed.CHANNEL)
        await _pump(pubsub, on_frame, on_state)


async def _pump(
    pubsub: PubSub, on_frame: Callable[[ConsumerFrame], None], on_state: Callable[[FeedState], None]
) -> None:
    """Pass messages on.

    :raises TimeoutError: Redis accepted the connection and does not answer any more
    """
    heard = asked = time.monotonic()
    task = asyncio.current_task()
    # The client swallows a cancellation that arrives while it connects (redis 8.1), so it is checked here as well.
    while task is not None and not task.cancelling():
        message = await pubsub.get_message(timeout=PING_SECONDS)
        now = time.monotonic()
        if message is not None:
            heard = now
            on_state("live")
            _take(message, on_frame)
        if now - heard > SILENT_SECONDS:
            raise TimeoutError
        if now - asked > PING_SECONDS:
            asked = now
            await pubsub.ping()
    raise asyncio.CancelledError


def _take(message: dict[str, object], on_frame: Callable[[ConsumerFrame], None]) -> None:
    data = message["data"]
    if message["type"] != "message" or not isinstance(data, bytes):
        return
    frame = live_feed.decode(data)
    if frame is None:
        _warn_of_a_stranger()
    else:
        on_frame(frame)


def _warn_of_a_stranger() -> None:
    """Log once a minute that someone else writes to the channel: they may write thousands of messages."""
    global _warn_again_at  # noqa: PLW0603 - state of the whole process
    if time.monotonic() >= _warn_again_at:
        _warn_again_at = time.monotonic() + WARN_SECONDS
        logger.warning("a message on the live channel is not a consumer's frame")
