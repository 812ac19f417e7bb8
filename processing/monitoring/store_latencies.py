"""Measures every few seconds, in each process that runs jobs, how fast the servers answer, and keeps the last hour."""

from __future__ import annotations

import logging
import threading
import time

import msgspec
from redis.exceptions import RedisError

from ingestion.runtime.redis_client import connect_from_thread
from processing.kafka import end_offsets
from processing.monitoring import store_states
from processing.monitoring.short_history import ShortHistory

logger = logging.getLogger(__name__)

EVERY = 15.0  # seconds
KEPT = 240  # samples, an hour
_REDIS_TIMEOUT = 2.0  # seconds


class Latencies(msgspec.Struct, frozen=True):
    """How long each server took to answer, in milliseconds; None: it did not."""

    at: int  # ms since the epoch
    postgresql: float | None
    mongodb: float | None
    redis: float | None
    kafka: float | None


HISTORY = ShortHistory("dataflow:latencies", Latencies, most=KEPT, every=EVERY)


def start(stopping: threading.Event) -> None:
    """Measure in a daemon thread; a frozen server delays nothing but the next sample."""
    threading.Thread(target=_run, args=(stopping,), name="latencies", daemon=True).start()


def measure() -> bool:
    """Ask each server once, and keep what came of it; return whether it was kept."""
    states = store_states.ask()
    with connect_from_thread(timeout=_REDIS_TIMEOUT) as redis:
        began = time.monotonic()
        try:
            redis.ping()
        except (RedisError, OSError):
            return False
        answered = round((time.monotonic() - began) * 1000, 2)
        found = Latencies(
            time.time_ns() // 1_000_000,
            states["postgresql"].get("latencyMs"),
            states["mongodb"].get("latencyMs"),
            answered,
            _kafka(),
        )
        return HISTORY.add(redis, found)


def _kafka() -> float | None:
    ends = end_offsets.raw_data_offsets()
    if ends is None or time.monotonic() - ends.read_at > end_offsets.MAX_WAIT:
        return None
    return round(ends.latency * 1000, 2)


def _run(stopping: threading.Event) -> None:
    while True:
        try:
            measure()
        except Exception:
            logger.exception("latencies could not be measured")
        if stopping.wait(EVERY):
            return
