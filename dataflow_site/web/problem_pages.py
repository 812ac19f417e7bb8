"""Sees to it that programs get errors as JSON, and people as a page."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from ingestion.problems import Code
from processing.errors import POSTGRESQL_AWAY
from queries import errors
from queries.reads.postgres import ReadUnavailable

# These addresses never answer with pages; elsewhere the Accept header decides.
_API_PATHS = ("/api/", "/data", "/ingest", "/live/", "/healthz", "/readyz", "/metrics")


class ProblemPages(MiddlewareMixin):
    """Replaces Django's own 400, 403, 404, 405 and 500 by application/problem+json, with DEBUG or without.

    People, who would get a 500 or the JSON where PostgreSQL is away, get the page 503.html.
    """

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, (*POSTGRESQL_AWAY, ReadUnavailable)):
            return None
        return errors.answer(Code.STORE_UNAVAILABLE, "PostgreSQL does not answer", path=request.path)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code < 400:
            return response
        if _wants_json(request):
            return response if _is_ours(response) else errors.instead_of(response, request)
        return _page(request, response) if response.status_code == 503 and _is_ours(response) else response


def _page(request: HttpRequest, problem: HttpResponse) -> HttpResponse:
    page = render(request, "503.html", {"now": datetime.now(tz=UTC)}, status=problem.status_code)
    for name in ("Retry-After", "X-Request-Id"):
        page[name] = problem[name]
    return page


def _is_ours(response: HttpResponse) -> bool:
    return "json" in response.get("Content-Type", "")


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith(_API_PATHS) or "text/html" not in request.headers.get("Accept", "")
