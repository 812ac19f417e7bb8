"""Shared by all HTTP receivers: the request, its body under a limit, one response for any outcome."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple

from ingestion import metrics
from ingestion.http import response
from ingestion.http.bodies.body_budget import CONNECTION_BYTES, BodyCharge
from ingestion.http.bodies.gzip_reader import GzipReader
from ingestion.http.response import Response
from ingestion.problems import Code, Header, RequestRejected, too_large
from ingestion.refusals.attempt import Attempt, Way
from ingestion.runtime import request_context
from ingestion.runtime.limits import receiver_limits
from ingestion.tracing.traceparent import trace_id_of

ONE_PIECE = 256 * 1024  # bytes that are read from a socket at once

logger = logging.getLogger(__name__)

# ASGI's own types: https://asgi.readthedocs.io/en/latest/specs/www.html
AsgiScope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientGone(Exception):
    """The client disconnected before its body was complete; no answer can be sent."""


class Request(NamedTuple):
    """A request whose body is not read yet."""

    method: str
    path: str
    query: bytes
    head: dict[bytes, bytes]  # names in lower case; of a name given twice the last value
    receive: Receive
    charge: BodyCharge  # released when the request is answered
    repeated: frozenset[bytes]  # the names that were given more than once
    attempt: Attempt  # what is known of it, should it be refused

    def announced(self) -> int | None:
        """Return the bytes of the body as the head announces them; None: it does not."""
        length = self.head.get(b"content-length", b"")
        return int(length) if length.isdigit() else None

    async def body(self, *, key: str, gzip: bool) -> bytes:
        """Read the body, at most one piece past the limit, which applies before and after decompression.

        :param key: the prefix of the sender's key, whose budget it is in
        :raises RequestRejected: too large, or not the gzip that it is said to be; no room in the budget
        :raises ClientGone: it never came whole
        """
        limit = receiver_limits().max_body_bytes
        announced = int(self.head.get(b"content-length", b"0"))
        # A small body that comes in one piece is never on its way.
        if gzip or announced > ONE_PIECE:
            self.charge.begin(key, announced)
        gunzip = GzipReader(limit) if gzip else None
        whole = bytearray()
        size = 0
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ClientGone
            piece = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise RequestRejected(Code.BODY_TOO_LARGE, too_large(limit))
            if message.get("more_body"):
                self.charge.begin(key, announced)
            whole += gunzip.feed(piece) if gunzip else piece
            self.charge.raise_to(len(whole) + CONNECTION_BYTES)
            if not message.get("more_body"):
                if gunzip:
                    gunzip.finish()
                self.charge.settle(len(whole))
                return bytes(whole)


Endpoint = Callable[[Request], Awaitable[Response]]


class _Body:
    """Notes when a request was whole."""

    __slots__ = ("_receive", "whole")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.whole = time.monotonic()

    async def __call__(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self.whole = time.monotonic()
        return message


async def serve(endpoint: Endpoint, scope: AsgiScope, receive: Receive, send: Send, *, door: str = "") -> None:
    """Answer one request through an endpoint, on any ASGI server.

    :param door: the receiver that it is timed under; empty: it takes no events
    """
    metrics.flights.began += 1
    try:
        await _serve(endpoint, scope, _Body(receive), send, door)
    finally:
        metrics.flights.ended += 1


async def _serve(endpoint: Endpoint, scope: AsgiScope, receive: _Body, send: Send, door: str) -> None:
    headers = scope["headers"]
    head = dict(headers)
    repeated = frozenset() if len(head) == len(headers) else _repeated(headers)
    charge = BodyCharge()
    attempt = Attempt(Way.HTTP, scope["path"])
    request = Request(scope["method"], scope["path"], scope["query_string"], head, receive, charge, repeated, attempt)
    given = request_context.begin(request.head)
    try:
        reply = await endpoint(request)
    except RequestRejected as refusal:
        if not attempt.body:
            attempt.size = request.announced()
        reply = response.rejection(refusal, attempt, instance=request.path)
    except ClientGone:
        return
    except Exception:
        logger.exception("a request failed")
        reply = response.internal_error(attempt, instance=request.path)
    finally:
        charge.release()
    metrics.answered[reply.status] += 1
    if door and reply.status < 400 and request.method == "POST":
        _observe(door, time.monotonic() - receive.whole, request.head.get(b"traceparent"))
    if given is not None and reply.status < 400:
        reply.headers.append((b"x-request-id", given))
    await respond(send, reply)


def _observe(door: str, seconds: float, traceparent: bytes | None) -> None:
    # As in the fast path: one function for both would be one more crossing between modules for each request.
    if traceparent is not None:
        metrics.REQUEST_SECONDS.observe(door, seconds, trace_id_of(traceparent))
        return
    waiting = metrics.REQUEST_SECONDS.waiting[door]
    waiting.append(seconds)
    if len(waiting) >= metrics.TIMES_AT_ONCE:
        metrics.REQUEST_SECONDS.drain()


def _repeated(headers: Iterable[Header]) -> frozenset[bytes]:
    return frozenset(name for name, count in Counter(name for name, _ in headers).items() if count > 1)


async def respond(send: Send, reply: Response) -> None:
    """Send an answer; without a pause between head and body, so that the server writes both at once."""
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})


def only(request: Request, *methods: str) -> None:
    """Check the request's method.

    :raises RequestRejected: another one
    """
    if request.method not in methods:
        allow = ", ".join(methods)
        raise RequestRejected(Code.METHOD_NOT_ALLOWED, f"expected {allow}", headers=[(b"allow", allow.encode())])
