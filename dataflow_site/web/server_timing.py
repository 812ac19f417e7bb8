"""Says in each answer how long PostgreSQL took for it (https://www.w3.org/TR/server-timing/)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse


class ServerTiming:
    """Middleware that adds up the times of all statements. Of a streamed answer, those before its first byte.

    An answer that was read over a connection of its own says the rest: `database_seconds`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        spent = 0.0

        def timed(execute: Callable[..., Any], *args: Any) -> Any:
            nonlocal spent
            started = time.perf_counter()
            try:
                return execute(*args)
            finally:
                spent += time.perf_counter() - started

        with connection.execute_wrapper(timed):
            response = self._get_response(request)
        spent += getattr(response, "database_seconds", 0.0)
        response["Server-Timing"] = f"db;dur={spent * 1000:.1f}"
        return response
