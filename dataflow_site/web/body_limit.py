"""The limit for bodies to pages, API and admin: Django would write a larger one to disk before any view sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ingestion.http import response
from ingestion.http.asgi import AsgiScope, Receive, Send, respond
from ingestion.problems import Code, too_large
from ingestion.runtime.limits import receiver_limits

Application = Callable[[AsgiScope, Receive, Send], Awaitable[None]]


class _TooLarge(Exception):
    """More came than the limit; Django reads a body whole before it answers, so nothing is sent yet."""


class BodyLimit:
    """An ASGI application that answers 413 instead of the one inside."""

    def __init__(self, inside: Application) -> None:
        self._inside = inside

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        limit = receiver_limits().max_body_bytes
        size = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            _check(size, limit)
            return message

        try:
            _check(_declared(scope), limit)
            await self._inside(scope, counted, send)
        except _TooLarge:
            await respond(send, response.problem(Code.BODY_TOO_LARGE, too_large(limit), instance=scope["path"]))


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise _TooLarge


def _declared(scope: AsgiScope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0
