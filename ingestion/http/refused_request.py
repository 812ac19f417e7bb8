"""A request that is refused by its head, and answered in its turn."""

from __future__ import annotations

import contextvars

from ingestion.http import response
from ingestion.http.exchange import Connection, Exchange
from ingestion.problems import Code, Header
from ingestion.runtime import request_context


class RefusedRequest(Exchange):
    """One request and the problem that answers it; its body is dropped."""

    needs_whole_body = True

    def __init__(
        self, connection: Connection, problem: tuple[Code, str, str], headers: list[Header], *, keep_alive: bool
    ) -> None:
        """Refuse a request.

        :param problem: the code, the detail and the path that was asked for
        """
        self.keep_alive = keep_alive
        self._connection = connection
        self._problem = problem
        self._headers = headers

    def start(self) -> None:
        """Answer."""
        contextvars.Context().run(self._answer)

    def feed(self, piece: bytes) -> None:
        """Drop a piece of the body."""

    def _answer(self) -> None:
        request_context.begin(dict(self._headers))
        code, detail, instance = self._problem
        self.answer(self._connection, response.problem(code, detail, instance=instance))
