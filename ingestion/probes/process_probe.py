"""Health, readiness and metrics of a process whose own work is not HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping

from ingestion.probes.exposition import expose
from ingestion.probes.health_server import Answer, HealthServer, Request
from ingestion.runtime import internal_access

KEPT_SECONDS = 1.0  # of a readiness, so that many probes cost the servers one

# Its `status` is `ready`, `degraded` (it works, without some of it) or anything else: it can't work.
Readiness = Callable[[], Mapping[str, object]]


def serve(readiness: Readiness, *, host: str, port: int) -> None:
    """Answer /healthz, /readyz and /metrics from a thread of its own.

    :raises OSError: the port is taken, or the address is not one of this machine
    """
    probe = Probe(readiness)
    HealthServer(probe.health, probe.respond).start(host, port)


class Probe:
    """The answers of one process."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness
        self._started = time.monotonic()
        self._asking = threading.Lock()
        self._ready: Mapping[str, object] = {}
        self._ready_at = float("-inf")  # time.monotonic()

    def health(self, _request: Request) -> Answer:
        """Answer at all."""
        return _json("200 OK", {"status": "ok", "uptimeSeconds": round(time.monotonic() - self._started)})

    def respond(self, request: Request) -> Answer:
        """Answer everything else. Strangers get the status of the readiness alone, and no metrics."""
        internal = internal_access.is_internal(request.peer, request.head)
        if request.path == "/metrics" and internal:
            return Answer("200 OK", *expose(request.head.get(b"accept", b"")))
        if request.path == "/metrics":
            return _json("403 Forbidden", {"title": "This is for internal addresses, or needs a key", "status": 403})
        if request.path == "/readyz":
            body = self._current()
            status = "200 OK" if body["status"] in {"ready", "degraded"} else "503 Service Unavailable"
            return _json(status, body if internal else {"status": body["status"]})
        return _json("404 Not Found", {"title": "There is nothing at this address", "status": 404})

    def _current(self) -> Mapping[str, object]:
        with self._asking:
            if time.monotonic() - self._ready_at > KEPT_SECONDS:
                self._ready = self._readiness()
                self._ready_at = time.monotonic()
            return self._ready


def _json(status: str, body: Mapping[str, object]) -> Answer:
    kind = "application/problem+json" if "title" in body else "application/json"
    return Answer(status, kind, json.dumps(body).encode())
