"""Sees to it that programs get errors as JSON, and people as a page."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from dashboard.frame import roles
from dashboard.frame.page import NotPermitted
from ingestion.problems import Code
from processing.errors import POSTGRESQL_AWAY
from queries import errors
from queries.reads.postgres import ReadUnavailable

# These addresses never answer with pages; elsewhere the Accept header decides.
_API_PATHS = ("/api/", "/data", "/ingest", "/live/", "/healthz", "/readyz", "/metrics")
_TITLES = {
    400: "This could not be answered",
    403: "Not allowed",
    404: "Nothing here",
    405: "Not this way",
    429: "Too many requests",
}


class ProblemPages(MiddlewareMixin):
    """Replaces Django's own 400, 403, 404, 405 and 500: programs get application/problem+json, people a page that says the same.

    Where PostgreSQL is away, people get the page 503.html, which needs it for nothing.
    """

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, NotPermitted):
            return errors.answer(Code.FORBIDDEN, _needed(exception.permission), path=request.path)
        if isinstance(exception, Http404) and (said := str(exception).rstrip(".")):
            # Of a page, which says what is not there, or what of the address can't be used.
            return errors.answer(Code.NOT_FOUND, said, path=request.path)
        if not isinstance(exception, (*POSTGRESQL_AWAY, ReadUnavailable)):
            return None
        return errors.answer(Code.STORE_UNAVAILABLE, "PostgreSQL does not answer", path=request.path)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code < 400:
            return response
        if _wants_json(request):
            return response if _is_ours(response) else errors.instead_of(response, request)
        if response.status_code == 500:
            return response if settings.DEBUG else render(request, "500.html", status=500)
        problem = response if _is_ours(response) else errors.instead_of(response, request)
        return _page(request, problem) if _is_ours(problem) else response


def _page(request: HttpRequest, problem: HttpResponse) -> HttpResponse:
    status, told = problem.status_code, json.loads(problem.content)
    if status == 503:
        page = _unavailable(request)
    else:
        shown = {
            "title": _TITLES.get(status, told["title"]),
            "text": f"{told['detail'][:1].upper()}{told['detail'][1:]}.",
            "tone": "warn" if status in (403, 404) else "bad",
            "sign_in": _sign_in(request) if status == 403 else "",
        }
        try:
            page = render(request, "dashboard/problem.html", shown, status=status)
        except (*POSTGRESQL_AWAY, ReadUnavailable):
            # It names who is signed in.
            page = _unavailable(request)
    for name in ("Retry-After", "X-Request-Id", "Allow"):
        if name in problem:
            page[name] = problem[name]
    return page


def _unavailable(request: HttpRequest) -> HttpResponse:
    return render(request, "503.html", {"now": datetime.now(tz=UTC)}, status=503)


def _needed(permission: str) -> str:
    """Return in words who may do what a permission grants."""
    named = roles.granting(permission)
    return f"this takes the role {' or '.join(named)}" if named else f"this takes the permission {permission}"


def _sign_in(request: HttpRequest) -> str:
    """Return where to come back to for whoever is not signed in, and may only have to do that."""
    user = getattr(request, "user", None)
    if user is None or user.is_authenticated:
        return ""
    return request.get_full_path() if request.method == "GET" else "/"


def _is_ours(response: HttpResponse) -> bool:
    return "json" in response.get("Content-Type", "")


def _wants_json(request: HttpRequest) -> bool:
    programs = request.path.startswith(_API_PATHS) or request.path.endswith(".json")
    return programs or "text/html" not in request.headers.get("Accept", "")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that lacks the token of its page (setting CSRF_FAILURE_VIEW)."""
    return errors.answer(
        Code.FORBIDDEN, "the form is too old or from another site; load its page again", path=request.path
    )
