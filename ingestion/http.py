"""The HTTP door: POST /ingest, as a plain ASGI application."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

from ingestion import answers, metrics
from ingestion.answers import Answer
from ingestion.bodies import Batch, Limits, UnreadableBody, parse_json, parse_ndjson
from ingestion.problems import Code
from ingestion.publisher import BrokerUnavailable, Overloaded, Publisher
from ingestion.requests import Form, Options, Refused, form_of, options, too_large

logger = logging.getLogger(__name__)

# ASGI's own types: https://asgi.readthedocs.io/en/latest/specs/www.html
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CLOSE = (b"connection", b"close")
UNKNOWN_FATE = "Kafka did not confirm in time; the events may still arrive. Sending them again is harmless"


class ClientGone(Exception):
    """The client hung up before its body was whole: there is nobody to answer."""


# One loop serves a process; a fork, or a test, starts another one.
_made: dict[str, Publisher] = {}


def publisher() -> Publisher:
    """The running loop's publisher, made at its first use."""
    found = _made.get("publisher")
    if found is None or found.loop is not asyncio.get_running_loop():
        found = _made["publisher"] = Publisher(settings.KAFKA_TOPIC_RAW_DATA)
    return found


async def ingest(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request to /ingest, on whatever server it arrives."""
    try:
        reply = await _answer(scope, receive)
    except ClientGone:
        return
    except Exception:
        logger.exception("a request failed")
        reply = answers.problem(Code.INTERNAL_ERROR, "an error on our side; what became of the events is unknown")
    metrics.answered(reply.status)
    await respond(send, reply)


async def respond(send: Send, reply: Answer) -> None:
    """Send an answer; without a pause between head and body, so that the server writes both at once."""
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _answer(scope: Scope, receive: Receive) -> Answer:
    if scope["method"] != "POST":
        return answers.problem(Code.METHOD_NOT_ALLOWED, "expected POST", headers=[(b"allow", b"POST")])
    deadline = asyncio.get_running_loop().time() + settings.DATAFLOW_PUBLISH_DEADLINE_SECONDS
    try:
        asked = options(scope["query_string"])
        form = form_of(scope["headers"], max_bytes=settings.DATAFLOW_MAX_BODY_BYTES)
        body = await _read_until(deadline, receive)
        received = time.time_ns() // 1000
        return await _take(_parse(form, body, now=received), asked, received=received, deadline=deadline)
    except (Refused, UnreadableBody) as refusal:
        return answers.problem(refusal.code, refusal.detail)
    except TimeoutError:
        return answers.problem(Code.REQUEST_TIMEOUT, "the body did not arrive in time", headers=[CLOSE])
    except Overloaded:
        return answers.problem(Code.OVERLOADED, "more is waiting for Kafka than fits; nothing was taken")
    except BrokerUnavailable:
        return answers.problem(Code.BROKER_UNAVAILABLE, UNKNOWN_FATE)


async def _read_until(deadline: float, receive: Receive) -> bytes:
    # As asyncio.timeout_at() does, which takes a tenth of a small request's time.
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    timer = loop.call_at(deadline, task.cancel, CLOSE)
    try:
        return await _read(receive)
    except asyncio.CancelledError as cancelled:
        if cancelled.args != (CLOSE,):
            raise
        task.uncancel()
        raise TimeoutError from cancelled
    finally:
        timer.cancel()


async def _read(receive: Receive) -> bytes:
    """Read the body, at most one piece further than the limit."""
    limit = settings.DATAFLOW_MAX_BODY_BYTES
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        piece = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise Refused(Code.BODY_TOO_LARGE, too_large(limit))
        if not message.get("more_body"):
            return b"".join(pieces)


def _parse(form: Form, body: bytes, *, now: int) -> Batch:
    limits = Limits(
        max_event_bytes=settings.DATAFLOW_MAX_EVENT_BYTES,
        max_batch_events=settings.DATAFLOW_MAX_BATCH_EVENTS,
        max_sources=settings.DATAFLOW_MAX_SOURCES,
    )
    parse = parse_json if form is Form.JSON else parse_ndjson
    return parse(body, now=now, limits=limits)


async def _take(parsed: Batch, asked: Options, *, received: int, deadline: float) -> Answer:
    for item in parsed.rejected:
        metrics.EVENTS_REJECTED.labels(item.code.value).inc()
    if asked.atomic and parsed.rejected and not parsed.single:
        return answers.withheld(parsed, asked)
    if parsed.events:
        await publisher().publish(parsed.events, received=received, deadline=deadline)
        metrics.EVENTS_ACCEPTED.inc(len(parsed.events))
    if not parsed.single:
        return answers.batch(parsed, asked)
    if parsed.rejected:
        return answers.rejected(parsed.rejected[0])
    return answers.accepted(parsed.events[0], received=received)
