"""A small HTTP server for probes and scrapers, which silent and slow clients can't keep from answering."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

REQUEST_SECONDS = 5.0  # for a request to come, and again for its answer to be taken
ANSWER_SECONDS = 15.0  # for an answer to be made; PostgreSQL and MongoDB have shorter limits of their own
MAX_REQUEST = 16 * 1024  # bytes
# Above it the oldest connection is closed: a probe is answered in some ms, so it is not among the oldest for long.
MAX_CONNECTIONS = 200
BACKLOG = 1_024

logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What goes back."""

    status: str  # as "200 OK"
    content_type: str
    body: bytes


class Request(NamedTuple):
    """What was asked."""

    path: str
    head: Mapping[bytes, bytes]  # names in lower case
    peer: str


Respond = Callable[[Request], Answer]


class HealthServer:
    """Serves one port from a thread of its own; each connection gets one answer.

    :param at_once: answers /healthz on the event loop, so it must not wait for anything
    :param respond: answers everything else on a few threads
    """

    def __init__(self, at_once: Respond, respond: Respond) -> None:
        self._at_once = at_once
        self._respond = respond
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="health")
        self._open: dict[asyncio.StreamWriter, None] = {}  # the oldest first

    def start(self, host: str, port: int) -> None:
        """Start to serve.

        :raises OSError: the port is taken
        """
        started = threading.Event()
        failure: list[OSError] = []

        def serve() -> None:
            try:
                asyncio.run(self._serve(host, port, started))
            except OSError as error:
                failure.append(error)
                started.set()

        threading.Thread(target=serve, name="health", daemon=True).start()
        started.wait()
        if failure:
            raise failure[0]

    async def _serve(self, host: str, port: int, started: threading.Event) -> None:
        server = await asyncio.start_server(self._serve_one, host, port, limit=MAX_REQUEST, backlog=BACKLOG)
        started.set()
        await server.serve_forever()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = None
        if len(self._open) > MAX_CONNECTIONS:
            next(iter(self._open)).transport.abort()
        try:
            await self._converse(reader, writer)
        except (OSError, TimeoutError, ValueError, EOFError):
            # The client left, was silent, or sent what is no request.
            writer.transport.abort()
        except Exception:
            logger.exception("a probe was not answered")
            writer.transport.abort()
        finally:
            self._open.pop(writer, None)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(REQUEST_SECONDS):
            try:
                text = await reader.readuntil(b"\r\n\r\n")
            except asyncio.LimitOverrunError as error:
                raise ValueError from error
        request = parse(text, peer=writer.get_extra_info("peername")[0])
        answer = await self._answer(request)
        writer.write(serialize(answer))
        async with asyncio.timeout(REQUEST_SECONDS):
            await writer.drain()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, request: Request) -> Answer:
        if request.path == "/healthz":
            return self._at_once(request)
        async with asyncio.timeout(ANSWER_SECONDS):
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._respond, request)


def parse(text: bytes, *, peer: str) -> Request:
    """Return what a request asks for; any method counts as GET.

    :raises ValueError: it is no request
    """
    line, *lines = text.split(b"\r\n")
    _, target, _ = line.split(b" ")
    pairs = [each.partition(b":") for each in lines if each]
    head = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Request(target.partition(b"?")[0].decode("latin-1"), head, peer)


def serialize(answer: Answer) -> bytes:
    """Return an answer as it goes over the connection."""
    lines = [
        f"HTTP/1.1 {answer.status}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + answer.body
