"""How full each volume was in the last days, and for how long Kafka keeps records: what forecasts are made of."""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec

from ingestion.runtime.redis_client import connect_from_thread
from processing.monitoring.short_history import ShortHistory
from processing.monitoring.volumes import VolumeGroup

_REDIS_TIMEOUT = 1.0  # seconds


class VolumeUse(msgspec.Struct, frozen=True):
    """How full one volume was; sizes in bytes."""

    subject: str
    names: tuple[str, ...]  # the servers on it
    used: int
    total: int
    memory: bool


class CapacitySample(msgspec.Struct, frozen=True):
    """All volumes at one moment."""

    at: int  # ms since the epoch
    volumes: tuple[VolumeUse, ...]
    retention: int | None  # ms that Kafka keeps records; None: without limit, or not known
    limited: bool | None  # whether there is a limit; None: Kafka did not answer


# The newest, from which a page tells the present state; and one in ten minutes for a week, from which it tells the trend.
NEWEST = ShortHistory("dataflow:capacity:newest", CapacitySample, most=5, every=60.0)
TREND = ShortHistory("dataflow:capacity", CapacitySample, most=1_008, every=600.0)


def keep(groups: Iterable[VolumeGroup], *, retention: int | None, limited: bool | None) -> None:
    """Keep a sample, best effort."""
    volumes = tuple(
        VolumeUse(each.subject, tuple(each.names), each.volume.used, each.volume.total, each.volume.memory)
        for each in groups
    )
    sample = CapacitySample(time.time_ns() // 1_000_000, volumes, retention, limited)
    with connect_from_thread(timeout=_REDIS_TIMEOUT) as redis:
        NEWEST.add(redis, sample)
        TREND.add(redis, sample)
