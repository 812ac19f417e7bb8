"""Answers a request to POST /ingest without a task and an ASGI scope, which are most of the cost of a single event.

Only what needs to ask nobody but Kafka goes this way; anything else, and every refusal before the body, is left to
ingestion.receivers.http.asgi. What is answered is the same: both go through the functions of ingestion.receivers.http.endpoints.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from ingestion import metrics
from ingestion.acceptance import intake
from ingestion.acceptance.intake import Caller
from ingestion.events import timestamps
from ingestion.receivers.http import endpoints, responses
from ingestion.receivers.http.asgi import unexpected
from ingestion.receivers.http.body_parsers import ParsedBatch
from ingestion.receivers.http.endpoints import RequestHead
from ingestion.receivers.http.gzip_reader import GzipReader
from ingestion.receivers.http.request_head import RequestRejected, options
from ingestion.receivers.http.responses import Answer, Header
from ingestion.runtime import request_context

logger = logging.getLogger(__name__)

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
CLOSE = (b"connection", b"close")
_PATH = responses.PATH.encode()


class _Nobody:
    """Stands where uvicorn's protocol wakes the task that waits for a body."""

    def set(self) -> None:
        """Wake nobody."""


class FastRequest:
    """One request and its answer; for uvicorn's protocol it is a RequestResponseCycle."""

    message_event = _Nobody()

    def __init__(
        self,
        asked: RequestHead,
        caller: Caller,
        *,
        transport: asyncio.Transport,
        keep_alive: bool,
        write: Callable[[Answer], None],
    ) -> None:
        self.keep_alive = keep_alive
        self.more_body = True
        self.disconnected = False
        self.response_started = False
        self.response_complete = False
        self.body: list[bytes] = []
        self._asked = asked
        self._caller = caller
        self._transport = transport
        self._send = write
        self._is_due = False

    def start(self) -> None:
        """Every request before it on its connection is answered."""
        self._is_due = True
        self.go_on()

    def go_on(self) -> None:
        """Work on the request, if it is whole and its turn has come."""
        is_whole = not self.more_body and not self.disconnected and not self._transport.is_closing()
        if self._is_due and is_whole:
            # What is remembered about this request must not reach the next on the connection.
            contextvars.copy_context().run(self._work)

    def _work(self) -> None:
        self._given = request_context.begin(self._asked.head)
        try:
            self._take()
        except RequestRejected as refusal:
            self._refuse(refusal)
        except Exception:
            logger.exception("a request failed")
            self._write(unexpected(responses.PATH))

    def _take(self) -> None:
        body = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        self.body.clear()
        if self._asked.gzip:
            body = _unpacked(body)
        received = timestamps.now()
        deadline = intake.deadline()
        parsed = intake.sift(endpoints.parse(body, self._asked, now=received), self._caller)
        if not endpoints.is_to_be_published(parsed, self._asked.options):
            self._reply(parsed, received)
            return
        acknowledged = intake.submit(parsed.events, self._caller, received=received, deadline=deadline)
        acknowledged.add_done_callback(partial(self._acknowledged, parsed, received))

    def _acknowledged(self, parsed: ParsedBatch, received: int, acknowledged: asyncio.Future[None]) -> None:
        try:
            intake.confirm(parsed.events, acknowledged, endpoints.source_labels(parsed, self._asked.form))
            self._reply(parsed, received)
        except RequestRejected as refusal:
            self._refuse(refusal)
        except Exception:
            logger.exception("a request failed")
            self._write(unexpected(responses.PATH))

    def _reply(self, parsed: ParsedBatch, received: int) -> None:
        reply = endpoints.reply(parsed, self._asked.options, received=received)
        reply.headers.extend(self._caller.headers())
        self._write(reply)

    def _refuse(self, refusal: RequestRejected) -> None:
        metrics.refused(refusal.code)
        self._write(responses.problem(refusal.code, refusal.detail, headers=refusal.headers))

    def _write(self, reply: Answer) -> None:
        metrics.answered(reply.status)
        self.response_started = self.response_complete = True
        if self.disconnected or self._transport.is_closing():
            return
        if self._given is not None and reply.status < 400:
            reply.headers.append((b"x-request-id", self._given))
        if not self.keep_alive:
            reply.headers.append(CLOSE)
        self._send(reply)


def try_fast_path(url: bytes, headers: list[Header]) -> tuple[RequestHead, Caller] | None:
    """Judge the head of a POST; None: it goes the other way.

    :param url: as it stands in the request's first line
    :param headers: names in lower case
    """
    path, _, query = url.partition(b"?")
    if path != _PATH:
        return None
    head = dict(headers)
    # A length that was declared bounds the body; the others wait for something else than Kafka.
    if b"content-length" not in head or b"expect" in head or b"idempotency-key" in head:
        return None
    try:
        asked = endpoints.read_head(head, options(query))
        intake.check_room(head)
        caller = intake.recall(head)
    except RequestRejected:
        return None
    return None if caller is None else (asked, caller)


def serialize(reply: Answer, default_headers: list[Header]) -> bytes:
    """Write an answer as it goes over the connection."""
    head = b"".join([b"%b: %b\r\n" % header for header in (*default_headers, *reply.headers)])
    return b"%b%b\r\n%b" % (_STATUS_LINES[reply.status], head, reply.body)


def _unpacked(body: bytes) -> bytes:
    gunzip = GzipReader(intake.max_body_bytes())
    whole = gunzip.feed(body)
    gunzip.finish()
    return whole
