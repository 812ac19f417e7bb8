"""Middleware that holds no connection to PostgreSQL before a view and while an answer is sent."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from ingestion.runtime import pooled_connection


class ReleaseConnection:
    """Returns the connection that was taken before it (a sign-in was looked up) and behind it (an answer was made).

    A view takes one again if it reads from PostgreSQL, which many do only after they have waited for something else. A
    streamed answer is sent after all middleware, for as long as the client takes.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        pooled_connection.release()
        response = self._get_response(request)
        pooled_connection.release()
        return response
