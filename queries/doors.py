"""What the doors say about themselves, through Redis: their own counters, best effort and no part of the ledger."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from ingestion import heartbeat
from ingestion.heartbeat import Pulse
from queries.shapes import Doors, DoorShape
from queries.times import format_time, from_micros

_decode = msgspec.json.Decoder(Pulse).decode


def read() -> Doors | None:
    """Give every door process that was heard of in the last seconds; None: Redis does not answer."""
    try:
        pulses = _pulses()
    except RedisError:
        return None
    refused: dict[str, int] = {}
    for each in pulses:
        for code, count in each.refused.items():
            refused[code] = refused.get(code, 0) + count
    return {
        "acceptedPerSecond": round(sum(each.accepted_per_second for each in pulses), 1),
        "accepted": sum(each.accepted for each in pulses),
        "refused": refused,
        "processes": [_shape(each) for each in pulses],
    }


def _pulses() -> list[Pulse]:
    redis = get_redis_connection("default")
    names = sorted(name.decode() for name in redis.smembers(heartbeat.DOORS))
    found = redis.mget([heartbeat.key(name) for name in names]) if names else []
    texts = dict(zip(names, found, strict=True))
    gone = [name for name, text in texts.items() if text is None]
    if gone:
        redis.srem(heartbeat.DOORS, *gone)
    return list(_read(text for text in texts.values() if text is not None))


def _read(texts: Iterable[bytes]) -> Iterable[Pulse]:
    for text in texts:
        try:
            yield _decode(text)
        except msgspec.DecodeError:
            # A door of another release, which counts otherwise.
            continue


def _shape(each: Pulse) -> DoorShape:
    return {
        "process": each.process,
        "kind": each.kind,
        "since": format_time(from_micros(each.since * 1000)),
        "acceptedPerSecond": each.accepted_per_second,
        "accepted": each.accepted,
        "refused": each.refused,
        "inFlightEvents": each.in_flight_events,
        "inFlightBytes": each.in_flight_bytes,
        "guard": {"state": each.guard.state, "reason": each.guard.reason},
    }
