"""What was measured over time and is kept in Redis: how fast the servers answered, and how full volumes were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from django_redis import get_redis_connection
from redis.exceptions import RedisError

from ingestion.auth.read_scope import ReadScope
from processing.monitoring.store_latencies import HISTORY
from processing.monitoring.volume_history import NEWEST, TREND, CapacitySample, VolumeUse
from queries.pipeline.measured.forecast import Forecast, Trend, forecast
from queries.reads import cache

KEPT_FOR = 5.0  # seconds


class LatencyHistory(TypedDict):
    """How long each server took to answer, as columns of equal length: milliseconds, null where it did not answer."""

    at: list[int]  # ms since the epoch
    postgresql: list[float | None]
    mongodb: list[float | None]
    redis: list[float | None]
    kafka: list[float | None]


class VolumeForecast(TypedDict):
    """How full a volume is, and when it will be."""

    subject: str
    servers: list[str]
    used: int  # bytes
    total: int
    memory: bool
    trend: Trend
    fullInSeconds: float | None
    watchedSeconds: float


class Capacity(TypedDict):
    """The volumes, and for how long Kafka keeps records."""

    at: int  # ms since the epoch
    volumes: list[VolumeForecast]
    retentionSeconds: float | None  # None: without limit, or not known
    retentionLimited: bool | None  # None: not known


def latencies(*, scope: ReadScope) -> LatencyHistory | None:
    """Return what was measured in the last hour; None: Redis does not answer, or the reader may see some sources."""
    if not scope.whole:
        return None
    try:
        found = HISTORY.read(get_redis_connection("default"))
    except RedisError:
        return None
    return {
        "at": [each.at for each in found],
        "postgresql": [each.postgresql for each in found],
        "mongodb": [each.mongodb for each in found],
        "redis": [each.redis for each in found],
        "kafka": [each.kafka for each in found],
    }


def capacity(*, scope: ReadScope) -> Capacity | None:
    """Return the volumes as a consumer saw them last; None: none has in the last minutes, or as for `latencies`."""
    if not scope.whole:
        return None
    name = cache.name_of("capacity", scope)
    kept = cache.get(name, shape=Capacity)
    if kept is not None:
        return kept
    try:
        redis = get_redis_connection("default")
        newest, trend = NEWEST.read(redis), TREND.read(redis)
    except RedisError:
        return None
    if not newest:
        return None
    found = _capacity(newest[-1], [*trend, newest[-1]])
    cache.put(name, found, seconds=KEPT_FOR)
    return found


def _capacity(last: CapacitySample, samples: Sequence[CapacitySample]) -> Capacity:
    return {
        "at": last.at,
        "volumes": [_volume(each, _forecast(each, samples)) for each in last.volumes],
        "retentionSeconds": None if last.retention is None else last.retention / 1000,
        "retentionLimited": last.limited,
    }


def _forecast(volume: VolumeUse, samples: Sequence[CapacitySample]) -> Forecast:
    points = [
        (sample.at / 1000, one.used)
        for sample in samples
        for one in sample.volumes
        # A volume that was grown starts anew.
        if one.subject == volume.subject and one.total == volume.total
    ]
    return forecast(points, total=volume.total)


def _volume(volume: VolumeUse, found: Forecast) -> VolumeForecast:
    return {
        "subject": volume.subject,
        "servers": list(volume.names),
        "used": volume.used,
        "total": volume.total,
        "memory": volume.memory,
        "trend": found.trend,
        "fullInSeconds": found.full_in,
        "watchedSeconds": found.span,
    }
