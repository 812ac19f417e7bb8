"""Sees to it that whoever asks for JSON never gets an error page in HTML."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from queries import problems

# Under these nobody expects pages; elsewhere it goes by what the client accepts.
_API_PATHS = ("/api/", "/data", "/ingest", "/healthz", "/readyz", "/metrics")


class ProblemPages(MiddlewareMixin):
    """Replaces Django's own 400, 403, 404, 405 and 500 by application/problem+json, with DEBUG or without."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code < 400 or _is_ours(response) or not _wants_json(request):
            return response
        return problems.instead_of(response, request)


def _is_ours(response: HttpResponse) -> bool:
    return "json" in response.get("Content-Type", "")


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith(_API_PATHS) or "text/html" not in request.headers.get("Accept", "")
