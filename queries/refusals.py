"""What the doors refused in each minute, through Redis: their own counters, best effort and no part of the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime

from django_redis import get_redis_connection
from redis.exceptions import RedisError

from ingestion import refusals
from queries.shapes import RefusedMinute
from queries.times import format_time


def read(start: datetime, end: datetime, *, limit: int) -> list[RefusedMinute] | None:
    """Give the minutes from `start` up to `end` in which doors refused anything, newest first.

    :return: None: Redis does not answer
    """
    first, last = int(start.timestamp()), int(end.timestamp())
    # Older ones have expired.
    oldest = max(first, last - refusals.KEPT_SECONDS - refusals.HOUR)
    try:
        pipeline = get_redis_connection("default").pipeline(transaction=False)
        for hour in range(oldest // refusals.HOUR * refusals.HOUR, last, refusals.HOUR):
            pipeline.hgetall(refusals.key(hour))
        hashes = pipeline.execute()
    except RedisError:
        return None
    minutes: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for found in hashes:
        for minute, code, count in refusals.read(found):
            if first <= minute < last:
                minutes[minute][code] += count
    return [_shape(minute, minutes[minute]) for minute in sorted(minutes, reverse=True)[:limit]]


def _shape(minute: int, reasons: Counter[str]) -> RefusedMinute:
    return {
        "minute": format_time(datetime.fromtimestamp(minute, tz=UTC)),
        "refused": reasons.total(),
        "reasons": dict(reasons.most_common()),
    }
