"""Whether the web process lives, and whether it can do its work; its metrics."""

from __future__ import annotations

import threading
import time
from typing import Literal

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from ingestion.probes import exposition
from ingestion.problems import Code
from ingestion.runtime import internal_access
from queries import errors
from queries.pipeline import dependencies
from queries.pipeline import metrics as pool_metrics
from queries.schemas import Stores

OTHERS: tuple[Literal["mongodb", "redis", "kafka"], ...] = ("mongodb", "redis", "kafka")
KEPT_SECONDS = 1.0  # of the states, so that many probes cost the servers one


@csrf_exempt
@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer at all: the process lives."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Report PostgreSQL's state as the readiness; without the other servers parts of the pages are missing, but they work.

    Everyone gets the status; what it comes from is for internal addresses.
    """
    states = _states.read()
    ready = states["postgresql"]["state"] == "up"
    whole = ready and all(states[name]["state"] == "up" for name in OTHERS)
    status = "ready" if whole else "degraded" if ready else "unavailable"
    body = {"status": status, "dependencies": states} if _is_internal(request) else {"status": status}
    return JsonResponse(body, status=200 if ready else 503)


@csrf_exempt
@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Show the metrics to internal addresses."""
    if not _is_internal(request):
        return errors.answer(Code.FORBIDDEN, "this is for internal addresses, or needs a key", path=request.path)
    pool_metrics.refresh()
    content_type, text = exposition.expose(request.headers.get("Accept", "").encode("latin-1"))
    return HttpResponse(text, content_type=content_type)


def _is_internal(request: HttpRequest) -> bool:
    head = {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in request.headers.items()}
    return internal_access.is_internal(request.META.get("REMOTE_ADDR", ""), head)


class _States:
    """The states of the servers, asked for by one request at a time."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._states: Stores | None = None
        self._at = 0.0  # time.monotonic()

    def read(self) -> Stores:
        """Return the states, at most KEPT_SECONDS old."""
        with self._asking:
            if self._states is None or time.monotonic() - self._at > KEPT_SECONDS:
                self._states = dependencies.states()
                self._at = time.monotonic()
            return self._states


_states = _States()
