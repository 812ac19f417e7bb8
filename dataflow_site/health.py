"""Whether the web process lives, and whether it can do its work."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from queries.pipeline import dependencies

OTHERS: tuple[Literal["mongodb", "redis", "kafka"], ...] = ("mongodb", "redis", "kafka")


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer at all: the process lives."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Report PostgreSQL's state as the readiness; without the other servers parts of the pages are missing, but they work."""
    states = dependencies.states()
    ready = states["postgresql"]["state"] == "up"
    whole = ready and all(states[name]["state"] == "up" for name in OTHERS)
    status = "ready" if whole else "degraded" if ready else "unavailable"
    return JsonResponse({"status": status, "dependencies": states}, status=200 if ready else 503)
