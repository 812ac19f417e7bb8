"""Which of the servers answer, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import connection
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from processing.kafka import end_offsets
from processing.stores.mongodb import documents
from queries.pipeline.snapshot import KAFKA_SILENT_AFTER
from queries.reads import postgres
from queries.schemas import Stores, StoreState

# Seconds. Every probe has a limit of its own. The slowest is PostgreSQL's, whose pool waits 2 s for a connection.
PROBE_TIMEOUT = 2.0

DOWN: StoreState = {"state": "down", "latencyMs": None}

_probes = ThreadPoolExecutor(max_workers=8, thread_name_prefix="probe")


def states() -> Stores:
    """Probe all servers at once. Takes as long as the slowest probe, at most 5 s."""
    asked = {
        "postgresql": _probes.submit(_postgresql),
        "mongodb": _probes.submit(_mongodb),
        "redis": _probes.submit(_redis),
        "kafka": _probes.submit(kafka),
    }
    return _laid_out(asked)


def _laid_out(asked: dict[str, Future[StoreState]]) -> Stores:
    return {
        "postgresql": asked["postgresql"].result(),
        "mongodb": asked["mongodb"].result(),
        "redis": asked["redis"].result(),
        "kafka": asked["kafka"].result(),
    }


def require_postgresql() -> None:
    """Check that PostgreSQL answers, in less time than a page may take to say that it does not.

    :raises ReadUnavailable: it does not
    """
    _ask_postgresql()


def kafka() -> StoreState:
    """Return how fast Kafka returned its offsets."""
    ends = end_offsets.raw_data_offsets()
    if ends is None or time.monotonic() - ends.read_at > KAFKA_SILENT_AFTER:
        return DOWN
    return {"state": "up", "latencyMs": _milliseconds(ends.latency)}


def _postgresql() -> StoreState:
    try:
        return _probe(_ask_postgresql, postgres.ReadUnavailable)
    finally:
        # The thread outlives the request, so its connection must go back to the pool here.
        connection.close()


def _ask_postgresql() -> None:
    with postgres.bounded(PROBE_TIMEOUT), connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _mongodb() -> StoreState:
    return _probe(documents.ping, documents.DocumentsUnavailable)


def _redis() -> StoreState:
    return _probe(lambda: get_redis_connection("default").ping(), RedisError)


def _probe(ask: Callable[[], object], failure: type[Exception]) -> StoreState:
    started = time.monotonic()
    try:
        ask()
    except failure:
        return DOWN
    return {"state": "up", "latencyMs": _milliseconds(time.monotonic() - started)}


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1_000, 2)
