"""The receivers' own counters and their rejections by minute, from Redis. Best effort, no part of the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import cast

from django_redis import get_redis_connection
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from ingestion.acceptance import heartbeat, rejection_counts
from ingestion.acceptance.heartbeat import ProcessStatus
from ingestion.auth.read_scope import ReadScope
from ingestion.runtime import redis_client
from queries.request.times import format_time, from_micros
from queries.schemas import Doors, DoorShape, RefusedMinute


def read(*, scope: ReadScope) -> Doors | None:
    """Return every receiver process that sent a heartbeat in the last seconds.

    :return: None: Redis does not answer, or the reader may see some sources: receivers do not count by source
    """
    if not scope.whole:
        return None
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


def rejections(start: datetime, end: datetime, *, scope: ReadScope, limit: int) -> list[RefusedMinute] | None:
    """Return the minutes from `start` up to `end` in which receivers rejected anything, newest first.

    :return: None: Redis does not answer, or the reader may see some sources
    """
    if not scope.whole:
        return None
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
    found = pipeline.execute(raise_on_error=False)
    for error in found:
        if isinstance(error, RedisError) and not redis_client.is_wrong_type(error):
            raise error
    # What is no hash is not ours.
    return [hash_ for hash_ in found if isinstance(hash_, dict)]


def _minute_shape(minute: int, reasons: Counter[str]) -> RefusedMinute:
    return {
        "minute": format_time(datetime.fromtimestamp(minute, tz=UTC)),
        "refused": reasons.total(),
        "reasons": dict(reasons.most_common()),
    }


def _pulses() -> list[ProcessStatus]:
    redis = get_redis_connection("default")
    members = sorted(_members(redis))
    names = [member.decode(errors="replace") for member in members]
    values = cast("list[bytes | None]", redis.mget([heartbeat.key(name) for name in names])) if names else []
    gone = [member for member, value in zip(members, values, strict=True) if value is None]
    if gone:
        redis.srem(heartbeat.RECEIVERS, *gone)
    statuses = [heartbeat.decode(name, value) for name, value in zip(names, values, strict=True)]
    return [status for status in statuses if status is not None]


def _members(redis: Redis) -> set[bytes]:
    try:
        return cast("set[bytes]", redis.smembers(heartbeat.RECEIVERS))
    except ResponseError as error:
        if redis_client.is_wrong_type(error):
            # No set is there; the next heartbeat replaces it.
            return set()
        raise


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
