"""Whether the stores answer, and after how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypedDict

import psycopg

from processing.stores import postgres
from processing.stores.mongodb import documents


class Dependency(TypedDict, total=False):
    """How one thing that a process needs does."""

    state: str  # up or down
    latencyMs: float


def ask() -> dict[str, Dependency]:
    """Return the states of PostgreSQL and MongoDB, asking both."""
    return {"postgresql": _timed(_ask_postgresql), "mongodb": _timed(documents.ping)}


def _ask_postgresql() -> None:
    with postgres.connect() as connection:
        connection.execute("SELECT 1")


def _timed(ask_one: Callable[[], None]) -> Dependency:
    began = time.monotonic()
    try:
        ask_one()
    except (psycopg.Error, documents.DocumentsUnavailable):
        return {"state": "down"}
    return {"state": "up", "latencyMs": round((time.monotonic() - began) * 1000, 1)}
