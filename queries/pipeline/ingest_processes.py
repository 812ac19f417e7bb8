"""The receivers' own counters and their rejections by minute, from Redis. Best effort, no part of the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from ingestion.acceptance import heartbeat, rejection_counts
from ingestion.acceptance.heartbeat import ProcessStatus
from queries.request.times import format_time, from_micros
from queries.schemas import Doors, DoorShape, RefusedMinute

_decode = msgspec.json.Decoder(ProcessStatus).decode


def read() -> Doors | None:
    """Return every receiver process that sent a heartbeat in the last seconds; None: Redis does not answer."""
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


def rejections(start: datetime, end: datetime, *, limit: int) -> list[RefusedMinute] | None:
    """Return the minutes from `start` up to `end` in which receivers rejected anything, newest first.

    :return: None: Redis does not answer
    """
    first, last = int(start.timestamp()), int(end.timestamp())
    try:
        hashes = _rejection_hashes(first, last)
    except RedisError:
        return None
    minutes: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for found in hashes:
        for minute, code, count in rejection_counts.read(found):
            if first <= minute < last:
                minutes[minute][code] += count
    return [_minute_shape(minute, minutes[minute]) for minute in sorted(minutes, reverse=True)[:limit]]


def _rejection_hashes(first: int, last: int) -> list[dict[bytes, bytes]]:
    # Older hours have expired.
    oldest = max(first, last - rejection_counts.KEPT_SECONDS - rejection_counts.HOUR)
    pipeline = get_redis_connection("default").pipeline(transaction=False)
    for hour in range(oldest // rejection_counts.HOUR * rejection_counts.HOUR, last, rejection_counts.HOUR):
        pipeline.hgetall(rejection_counts.key(hour))
    hashes: list[dict[bytes, bytes]] = pipeline.execute()
    return hashes


def _minute_shape(minute: int, reasons: Counter[str]) -> RefusedMinute:
    return {
        "minute": format_time(datetime.fromtimestamp(minute, tz=UTC)),
        "refused": reasons.total(),
        "reasons": dict(reasons.most_common()),
    }


def _pulses() -> list[ProcessStatus]:
    redis = get_redis_connection("default")
    names = sorted(name.decode() for name in redis.smembers(heartbeat.RECEIVERS))
    found = redis.mget([heartbeat.key(name) for name in names]) if names else []
    texts = dict(zip(names, found, strict=True))
    gone = [name for name, text in texts.items() if text is None]
    if gone:
        redis.srem(heartbeat.RECEIVERS, *gone)
    return list(_read(text for text in texts.values() if text is not None))


def _read(texts: Iterable[bytes]) -> Iterable[ProcessStatus]:
    for text in texts:
        try:
            yield _decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # A receiver of another release, with other counters.
            continue


def _shape(each: ProcessStatus) -> DoorShape:
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
