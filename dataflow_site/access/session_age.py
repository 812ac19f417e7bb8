"""Middleware that notes when a session is used."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class TouchSession:
    """Notes a signed-in user's request in the session, at most once in some minutes; see dataflow_site.access.sessions."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        # Only what was looked up already.
        user = getattr(request, "_cached_user", None)
        if user is not None and user.is_authenticated:
            request.session.touch()  # type: ignore[attr-defined]
        return response
