"""What someone with access to Redis but without the site's secret could write there."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import redis
from django.conf import settings
from django.test import override_settings

from ingestion.runtime import signed_values

# What the product's keys begin with. A new key has to be added here, and then the test writes hostile values there.
KEYS = (
    b"dataflow:cache:",
    b"dataflow:door:",
    b"dataflow:doors",
    b"dataflow:refused:",
    b"dataflow:idempotency:",
    b"dataflow:idempotency-index:",
)
CHANNELS = {b"dataflow:live", b"dataflow:access"}


class _MakesFolder:
    """Unpickled, it makes a folder: the proof that code ran."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self._path),)


def texts(name: bytes, proof: Path) -> Iterator[bytes]:
    """Yield values for one key or channel.

    :param proof: a folder that exists afterwards if code ran
    """
    yield pickle.dumps(_MakesFolder(proof))
    yield signed_values.sign(name, pickle.dumps(_MakesFolder(proof)))
    yield from (b"", b"\xff\xfe", b'{"read": 1, "sources": {"a"', b"null", b"1", b"-1", b"9" * 5_000, b"1e999")
    yield from (b"[" * 20_000, b"x" * 100_000)
    # As another release may write: signed, and of no shape that this one knows.
    for body in (b"", b"\xff\xfe", b"null", b"{}", b"9" * 5_000, b"[" * 20_000, b'[9e18, {"ledger": []}]'):
        yield signed_values.sign(name, body)
    own = signed_values.sign(name, b"[9e18, {}]")
    yield own.replace(b"1:", b"2:", 1)
    yield signed_values.sign(b"dataflow:other", b"[9e18, {}]")
    with override_settings(SECRET_KEY="of another site"):
        foreign = signed_values.sign(name, b"[9e18, {}]")
    yield foreign


def other_types(client: redis.Redis, name: bytes) -> Mapping[str, Callable[[], object]]:
    """Return what writes a value of each type of Redis."""
    odd = b"9" * 5_000
    return {
        "string": lambda: client.set(name, odd),
        "list": lambda: client.rpush(name, odd, b"\xff", b""),
        "set": lambda: client.sadd(name, odd, b"\xff", b"", b"a"),
        "sorted set": lambda: client.zadd(name, {odd: 1e308}),
        "hash": lambda: client.hset(
            name,
            mapping={
                odd: odd,
                b"\xff": b"\xff",
                b"": b"",
                "²".encode(): "²".encode(),
                b"1 a b": odd,
                b"99999999999999999999 not_json x": b"1",
                b"1764150000 not_json x": b"1" * 400,
            },
        ),
        "stream": lambda: client.xadd(name, {b"\xff": odd}),
    }


def connect() -> redis.Redis:
    return redis.Redis(**settings.REDIS_CONNECTION)
