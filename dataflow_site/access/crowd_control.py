"""The ASGI application that lets requests to pages, API and admin in by fair shares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

from dataflow_site.access import readers
from dataflow_site.access.fair_share import Crowded, FairShare
from ingestion.http import response
from ingestion.http.asgi import AsgiScope, Receive, Send, respond
from ingestion.problems import Code
from ingestion.runtime.loop_singleton import LoopSingleton

Application = Callable[[AsgiScope, Receive, Send], Awaitable[None]]

WAIT_SECONDS = 8.0  # longer than what runs takes, which has 3 s for PostgreSQL
RETRY_AFTER = b"2"  # seconds
# They read nothing but files, or have limits of their own.
FREE = ("/static/", "/healthz", "/readyz", "/metrics")


class CrowdControl:
    """An ASGI application that lets the one inside serve so many requests at one time, of each reader so many.

    A request takes its slot when its body is there, so that none is taken by one that never comes.
    """

    def __init__(self, inside: Application) -> None:
        self._inside = inside
        self._shares = LoopSingleton(lambda: FairShare(slots=settings.DATAFLOW_READS))

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["path"].startswith(FREE):
            await self._inside(scope, receive, send)
            return
        visit = Visit(self._shares(), *readers.name_of(scope))
        try:
            # Before anything else is done for a request without a body: the flood that is refused must cost little.
            if scope["method"] == "GET":
                visit.check()
            await self._inside(scope, visit.receive(receive), visit.send(send))
        except Crowded:
            detail = "this reader has too many requests at one time: send fewer, and these again later"
            headers = [(b"retry-after", RETRY_AFTER)]
            await respond(
                send, response.problem(Code.TOO_MANY_REQUESTS, detail, instance=scope["path"], headers=headers)
            )
        finally:
            visit.end()


class Visit:
    """One request's way through the shares."""

    def __init__(self, share: FairShare, reader: str, known: bool) -> None:
        self._share = share
        self._reader = reader
        # One address may be that of a proxy, and so of many readers.
        most = settings.DATAFLOW_READS_PER_READER
        self._running = most if known else max(most, settings.DATAFLOW_READS // 2)
        self._waiting = settings.DATAFLOW_READS_WAITING * (1 if known else 2)
        self._leave: Callable[[str], None] | None = None

    def check(self) -> None:
        """:raises Crowded: the reader has as many requests waiting as may wait"""
        if self._share.is_crowded(self._reader, self._waiting):
            raise Crowded

    def receive(self, receive: Receive) -> Receive:
        """Return the function that passes the body on, and waits for a slot at its end.

        It raises Crowded if the reader has too many requests.
        """

        async def received() -> MutableMapping[str, Any]:
            message = await receive()
            if self._leave is None and message["type"] == "http.request" and not message.get("more_body"):
                await self._share.enter(
                    self._reader, running=self._running, waiting=self._waiting, seconds=WAIT_SECONDS
                )
                self._leave = self._share.leave
            return message

        return received

    def send(self, send: Send) -> Send:
        """Return the function that passes the answer on; one in pieces goes on without a slot."""

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message.get("more_body") and self._leave == self._share.leave:
                self._share.begin_stream(self._reader)
                self._leave = self._share.end_stream
            await send(message)

        return sent

    def end(self) -> None:
        """Return what the request still has."""
        if self._leave is not None:
            self._leave(self._reader)
