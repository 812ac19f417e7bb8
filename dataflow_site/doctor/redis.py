"""Redis: its version, its memory, and whether it takes writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from dataflow_site.doctor import clocks
from dataflow_site.doctor.findings import Group, Said, error, right, warning
from ingestion.runtime.redis_client import connect_from_thread
from processing.errors import NeedsOperator, StoreUnavailable
from processing.supported_versions import REDIS, parse, too_old

_TIMEOUT = 2.0  # seconds
_KEY = "dataflow:doctor"
_REFUSED = ("AuthenticationError", "NoPermissionError", "AuthenticationWrongNumberOfArgsError")
_FULL = 0.9  # of maxmemory
_WAYS_OUT = {
    "OutOfMemoryError": "CONFIG SET maxmemory-policy volatile-ttl (or a larger maxmemory)",
    "ReadOnlyError": "Set REDIS_URL to the primary.",
    "NoPermissionError": "ACL SETUSER … ~dataflow:* resetchannels &dataflow:* +@read +@write +@pubsub +ping +info +select +client",
}


@contextmanager
def _open() -> Iterator[Redis]:
    try:
        with connect_from_thread(timeout=_TIMEOUT) as client:
            client.ping()
            yield client
    except (RedisError, OSError) as failure:
        name = type(failure).__name__
        if name in _REFUSED:
            raise NeedsOperator(
                "Redis: the user or password is refused: check REDIS_PASSWORD and REDIS_URL"
            ) from failure
        raise StoreUnavailable(f"Redis: {name}") from failure


GROUP: Group[Redis] = Group("redis", _open, "Check REDIS_URL, REDIS_ADDR and REDIS_PASSWORD, and start it.")


@GROUP.check("version", "It is of a supported version.")
def version(client: Redis) -> Iterator[Said]:
    """Valkey tells the version of Redis that it is compatible with."""
    found = str(_info(client, "server")["redis_version"])
    sentence = too_old(REDIS, parse(found))
    yield error(sentence, "Upgrade Redis.") if sentence else right(f"Version {found}.")


@GROUP.check("writes", "It takes writes and messages.")
def writes(client: Redis) -> Iterator[Said]:
    """Writes a key that is gone after a second: a replica, a full server and a user without rights refuse it."""
    try:
        client.set(_KEY, b"", ex=1)
        client.publish(_KEY, b"")
    except RedisError as failure:
        name = type(failure).__name__
        yield error(f"It refuses a write or a message: {name}.", _WAYS_OUT.get(name, "Look into its log."))


@GROUP.check("memory", "It has room, and drops old keys when it is full.")
def memory(client: Redis) -> Iterator[Said]:
    """With `noeviction` a full one refuses every write."""
    found = _info(client, "memory")
    most, used = int(found.get("maxmemory", 0)), int(found["used_memory"])
    if most and found.get("maxmemory_policy") == "noeviction":
        yield warning(
            "It refuses writes when its memory is full: limits of keys would not be kept.",
            "CONFIG SET maxmemory-policy volatile-ttl",
        )
    elif most and used > most * _FULL:
        yield warning(f"{used / most:.0%} of its memory is used.", "CONFIG SET maxmemory …")


@GROUP.check("clock", "Its clock is this machine's.")
def clock(client: Redis) -> Iterator[Said]:
    """Rates of keys are counted by its time."""

    def ask() -> datetime:
        seconds, micros = client.time()
        return datetime.fromtimestamp(seconds + micros / 1e6, UTC)

    yield from clocks.compare("Redis", ask)


def _info(client: Redis, section: str) -> dict[str, Any]:
    found: dict[str, Any] = client.info(section)
    return found
