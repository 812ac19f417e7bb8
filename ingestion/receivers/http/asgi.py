"""What every HTTP door stands on: the request as it came, its body under a limit, and one answer for whatever happens."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from ingestion import metrics
from ingestion.problems import Code
from ingestion.receivers.http import responses
from ingestion.receivers.http.gzip_reader import GzipReader
from ingestion.receivers.http.request_head import RequestRejected, too_large
from ingestion.receivers.http.responses import Answer
from ingestion.runtime import request_context
from ingestion.runtime.limits import receiver_limits

logger = logging.getLogger(__name__)

# ASGI's own types: https://asgi.readthedocs.io/en/latest/specs/www.html
AsgiScope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientGone(Exception):
    """The client hung up before its body was whole: there is nobody to answer."""


class Request(NamedTuple):
    """A request whose body is not read yet."""

    method: str
    path: str
    query: bytes
    head: dict[bytes, bytes]  # names in lower case; of a name given twice the last value
    receive: Receive

    async def body(self, *, gzip: bool) -> bytes:
        """Read the body, at most one piece further than the limit, which holds for what came and for what it unpacks to.

        :raises Refused: too large, or not the gzip that it is said to be
        :raises ClientGone: it never came whole
        """
        limit = receiver_limits().max_body_bytes
        gunzip = GzipReader(limit) if gzip else None
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ClientGone
            piece = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise RequestRejected(Code.BODY_TOO_LARGE, too_large(limit))
            pieces.append(gunzip.feed(piece) if gunzip else piece)
            if not message.get("more_body"):
                if gunzip:
                    gunzip.finish()
                return b"".join(pieces)


Endpoint = Callable[[Request], Awaitable[Answer]]


async def serve(door: Endpoint, scope: AsgiScope, receive: Receive, send: Send) -> None:
    """Answer one request by a door, on whatever server it arrives."""
    request = Request(scope["method"], scope["path"], scope["query_string"], dict(scope["headers"]), receive)
    given = request_context.begin(request.head)
    try:
        reply = await door(request)
    except RequestRejected as refusal:
        metrics.refused(refusal.code)
        reply = responses.problem(refusal.code, refusal.detail, instance=request.path, headers=refusal.headers)
    except ClientGone:
        return
    except Exception:
        logger.exception("a request failed")
        reply = unexpected(request.path)
    metrics.answered(reply.status)
    if given is not None and reply.status < 400:
        reply.headers.append((b"x-request-id", given))
    await respond(send, reply)


async def respond(send: Send, reply: Answer) -> None:
    """Send an answer; without a pause between head and body, so that the server writes both at once."""
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})


def unexpected(path: str) -> Answer:
    """Answer for an error in our own code."""
    metrics.refused(Code.INTERNAL_ERROR)
    detail = "an error on our side; what became of the events is unknown"
    return responses.problem(Code.INTERNAL_ERROR, detail, instance=path)


def only(request: Request, *methods: str) -> None:
    """Hold a request to these methods.

    :raises Refused: another one
    """
    if request.method not in methods:
        allow = ", ".join(methods)
        raise RequestRejected(Code.METHOD_NOT_ALLOWED, f"expected {allow}", headers=[(b"allow", allow.encode())])
