"""Health and metrics of the consumer process, over HTTP."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypedDict, cast
from wsgiref.simple_server import WSGIRequestHandler, make_server

import psycopg
from django.conf import settings
from prometheus_client import make_wsgi_app

from processing.consumer.liveness import State
from processing.stores import documents, postgres

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Health is asked every few seconds: no line for each."""


def serve(state: State, *, port: int) -> None:
    """Answer /healthz, /readyz and /metrics from a thread of its own.

    :raises OSError: the port is taken
    """
    logging.getLogger("wsgiref").setLevel(logging.WARNING)
    server = make_server(settings.DATAFLOW_CONSUMER_HOST, port, _application(state), handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()


def _application(state: State) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    exposition = make_wsgi_app()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return cast("Iterable[bytes]", exposition(environ, start_response))
        if path == "/healthz":
            return _json(
                start_response, "200 OK", {"status": "ok", "uptimeSeconds": round(time.monotonic() - state.started)}
            )
        if path == "/readyz":
            body = readiness(state)
            return _json(start_response, "200 OK" if body["status"] == "ready" else "503 Service Unavailable", body)
        return _json(start_response, "404 Not Found", {"title": "There is nothing at this address", "status": 404})

    return answer


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


def _json(start_response: StartResponse, status: str, body: dict[str, object]) -> Iterable[bytes]:
    kind = "application/json" if status.startswith("200") or "waitingFor" in body else "application/problem+json"
    start_response(status, [("Content-Type", kind), ("Cache-Control", "no-store")])
    return [json.dumps(body).encode()]
