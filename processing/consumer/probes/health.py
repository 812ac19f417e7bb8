"""Health and metrics of the consumer process, over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import TypedDict

import psycopg
from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ingestion.runtime import internal_access
from processing.consumer.probes.health_server import Answer, HealthServer, Request
from processing.consumer.probes.liveness import State
from processing.stores import postgres
from processing.stores.mongodb import documents

KEPT_SECONDS = 1.0  # of a readiness, so that many probes cost the stores one


def serve(state: State, *, port: int) -> None:
    """Answer /healthz, /readyz and /metrics from a thread of its own.

    :raises OSError: the port is taken
    """
    probe = Probe(state)
    HealthServer(probe.health, probe.respond).start(settings.DATAFLOW_CONSUMER_HOST, port)


class Probe:
    """The answers of one consumer."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._asking = threading.Lock()
        self._ready: dict[str, object] = {}
        self._ready_at = float("-inf")  # time.monotonic()

    def health(self, _request: Request) -> Answer:
        """Answer at all."""
        return _json("200 OK", {"status": "ok", "uptimeSeconds": round(time.monotonic() - self._state.started)})

    def respond(self, request: Request) -> Answer:
        """Answer everything else. Strangers get the status of the readiness alone, and no metrics."""
        internal = internal_access.is_internal(request.peer, request.head)
        if request.path == "/metrics" and internal:
            return Answer("200 OK", CONTENT_TYPE_LATEST, generate_latest())
        if request.path == "/metrics":
            return _json("403 Forbidden", {"title": "This is for internal addresses, or needs a key", "status": 403})
        if request.path == "/readyz":
            body = self._readiness()
            status = "200 OK" if body["status"] == "ready" else "503 Service Unavailable"
            return _json(status, body if internal else {"status": body["status"]})
        return _json("404 Not Found", {"title": "There is nothing at this address", "status": 404})

    def _readiness(self) -> dict[str, object]:
        with self._asking:
            if time.monotonic() - self._ready_at > KEPT_SECONDS:
                self._ready = readiness(self._state)
                self._ready_at = time.monotonic()
            return self._ready


def readiness(state: State) -> dict[str, object]:
    """Report what the consumer cannot work without: Kafka, PostgreSQL and MongoDB."""
    checks: dict[str, Dependency] = {
        "kafka": {"state": "up" if state.kafka else "down"},
        "postgresql": _timed(_ask_postgresql),
        "mongodb": _timed(documents.ping),
    }
    waits_for = state.waits_for()
    ready = waits_for is None and all(check["state"] == "up" for check in checks.values())
    return {
        "status": "ready" if ready else "waiting",
        "waitingFor": waits_for,
        "partitions": state.partitions,
        "held": state.held,
        "dependencies": checks,
    }


def _ask_postgresql() -> None:
    with postgres.connect() as connection:
        connection.execute("SELECT 1")


class Dependency(TypedDict, total=False):
    """How one thing that the consumer needs does."""

    state: str  # up or down
    latencyMs: float


def _timed(ask: Callable[[], None]) -> Dependency:
    began = time.monotonic()
    try:
        ask()
    except (psycopg.Error, documents.DocumentsUnavailable):
        return {"state": "down"}
    return {"state": "up", "latencyMs": round((time.monotonic() - began) * 1000, 1)}


def _json(status: str, body: dict[str, object]) -> Answer:
    kind = "application/problem+json" if "title" in body else "application/json"
    return Answer(status, kind, json.dumps(body).encode())
