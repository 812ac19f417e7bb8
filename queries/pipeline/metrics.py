"""Metrics of web processes that read. The texts are the lines of docs/metrics.md."""

from __future__ import annotations

from math import nan

from django.db import connection
from prometheus_client import Gauge

POOL = Gauge(
    "queries_pool_connections",
    "The pool of connections to PostgreSQL of this process: `idle`, `busy`, and requests that are `waiting` for one; no number"
    " before the first is needed",
    ["state"],
)


def refresh() -> None:
    """Ask the pool; call it before metrics are shown."""
    pool = getattr(connection, "_connection_pools", {}).get(connection.alias)
    stats: dict[str, int] = pool.get_stats() if pool is not None else {}
    idle = stats.get("pool_available", 0)
    found = {"idle": idle, "busy": stats.get("pool_size", 0) - idle, "waiting": stats.get("requests_waiting", 0)}
    for state, number in found.items():
        POOL.labels(state).set(number if stats else nan)
