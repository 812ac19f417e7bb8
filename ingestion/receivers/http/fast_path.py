"""Answers a request to POST /ingest without a task and an ASGI scope, which are most of the cost of a single event.

Only a request that waits for nothing but Kafka is answered here. Any other one, and each rejection before the body, takes
the ASGI path. The answers are the same: both paths go through ingestion.acceptance.accept and ingestion.receivers.http.responses.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable

from ingestion import metrics
from ingestion.acceptance.accept import Acceptance
from ingestion.acceptance.caller import Caller
from ingestion.acceptance.submission import Submission
from ingestion.events.batch import KEPT_BYTES
from ingestion.http import response
from ingestion.http.bodies import media_types
from ingestion.http.bodies.body_budget import BodyCharge
from ingestion.http.bodies.gzip_reader import unpack
from ingestion.http.exchange import Connection, Exchange
from ingestion.http.response import Response
from ingestion.problems import Header, RequestRejected
from ingestion.receivers.http import endpoints, responses
from ingestion.receivers.http.request_head import RequestHead, form_of, options
from ingestion.refusals.attempt import Attempt
from ingestion.runtime import request_context
from ingestion.runtime.limits import receiver_limits
from ingestion.tracing.traceparent import trace_id_of

logger = logging.getLogger(__name__)

_PATH = response.PATH.encode()
_times = metrics.REQUEST_SECONDS.waiting["http"]


class FastRequest(Exchange):
    """One request and its answer."""

    needs_whole_body = True

    def __init__(
        self, connection: Connection, acceptance: Acceptance, head: RequestHead, caller: Caller, *, keep_alive: bool
    ) -> None:
        self.keep_alive = keep_alive
        self._connection = connection
        self._acceptance = acceptance
        self._head = head
        self._caller = caller
        self._body: bytes | bytearray = b""  # an array for one that does not come in one piece
        self._size = 0  # bytes of the array that have come
        self._charge: BodyCharge | None = None  # of a body that does not come in one piece
        self._refusal: RequestRejected | None = None
        self._request_id: bytes | None = None  # as the client chose it
        self._began = 0.0  # when the request was whole, on the loop's clock
        self._task: asyncio.Task[None] | None = None  # of a body that takes long

    def feed(self, piece: bytes | bytearray) -> None:
        """Add a piece to the body."""
        # Most bodies are one piece.
        if isinstance(self._body, bytearray):
            self._body[self._size : self._size + len(piece)] = piece
            self._size += len(piece)
        else:
            self._body += piece

    def wait_for_body(self) -> None:
        """Charge the whole body, or refuse it without waiting for the rest."""
        announced, first = int(self._head.head[b"content-length"]), self._body
        self._charge = BodyCharge()
        try:
            self._charge.begin(self._caller.grant.key, announced)
        except RequestRejected as refusal:
            self._refusal = refusal
            self.needs_whole_body = False
        else:
            # All at once: a list of small pieces would take many times their bytes.
            self._body, self._size = bytearray(announced), 0
            self.feed(first)

    def wake(self) -> None:
        """Drop the body if the client is gone."""
        if self.is_lost:
            self._body = b""
            if self._charge is not None:
                self._charge.release()

    def start(self) -> None:
        """Accept the complete body."""
        self._began = self._connection.loop.time()
        metrics.flights.began += 1
        # The request's id must not reach the next request of the connection.
        contextvars.Context().run(self._guarded, self._accept)

    def _accept(self) -> None:
        head = self._head.head
        if b"x-request-id" in head or b"traceparent" in head:
            self._request_id = request_context.begin(head)
        body, self._body = bytes(self._body), b""
        if self._charge is not None:
            self._charge.release()
        if self._refusal is not None:
            raise self._refusal
        if self._head.gzip:
            limit = receiver_limits().max_body_bytes
            with self._caller.charging(limit):
                body = unpack(body, limit=limit)
        try:
            rest = self._acceptance.accept_cached(
                endpoints.parser(body, self._head), self._caller, self._head.options, self._finished, size=len(body)
            )
        except RequestRejected as refusal:
            self._write(response.rejection(refusal, self._attempt(body, len(body))))
            return
        if rest is not None:
            self._task = self._connection.loop.create_task(self._finish(rest, body[:KEPT_BYTES], len(body)))

    async def _finish(self, rest: Awaitable[Submission], beginning: bytes, size: int) -> None:
        try:
            submission = await rest
        except RequestRejected as refusal:
            self._write(response.rejection(refusal, self._attempt(beginning, size)))
        except Exception:
            logger.exception("a request failed")
            self._write(response.internal_error(self._attempt(beginning, size)))
        else:
            self._guarded(self._reply, submission)

    def _attempt(self, body: bytes = b"", size: int | None = None) -> Attempt:
        """Return what is known of the request, for the example that is kept of a refusal.

        :param body: or its beginning
        """
        length = int(self._head.head[b"content-length"]) if size is None else size
        way, source = endpoints.way_of(self._head), endpoints.source_outside(self._head)
        return Attempt(way, response.PATH, self._caller.grant, body, length, source)

    def _finished(self, submission: Submission, _: object) -> None:
        self._guarded(self._reply, submission)

    def _reply(self, submission: Submission) -> None:
        submission.confirm()
        reply = responses.reply(submission)
        if submission.parsed.rejected:
            submission.note_rejected(self._attempt(), status=str(reply.status), name="event")
        if self._caller.bucket is not None:
            reply.headers.extend(self._caller.bucket.headers())
        self._write(reply)

    def _guarded(self, step: Callable[..., None], *arguments: object) -> None:
        try:
            step(*arguments)
        except RequestRejected as refusal:
            self._write(response.rejection(refusal, self._attempt()))
        except Exception:
            logger.exception("a request failed")
            self._write(response.internal_error(self._attempt()))

    def _write(self, reply: Response) -> None:
        metrics.flights.ended += 1
        metrics.answered[reply.status] += 1
        if reply.status < 400 and not self._head.options.validate:
            self._observe(self._connection.loop.time() - self._began)
        if self._request_id is not None and reply.status < 400:
            reply.headers.append((b"x-request-id", self._request_id))
        self.answer(self._connection, reply)

    def _observe(self, seconds: float) -> None:
        if b"traceparent" in self._head.head:
            metrics.REQUEST_SECONDS.observe("http", seconds, trace_id_of(self._head.head[b"traceparent"]))
            return
        _times.append(seconds)
        if len(_times) >= metrics.TIMES_AT_ONCE:
            metrics.REQUEST_SECONDS.drain()


def begin(
    connection: Connection, acceptance: Acceptance, url: bytes, headers: list[Header], *, keep_alive: bool
) -> FastRequest | None:
    """Return the exchange of a POST whose head is read; None: it takes the ASGI path.

    :param url: as it stands in the request's first line
    :param headers: names in lower case
    """
    path, _, query = url.partition(b"?")
    if path != _PATH:
        return None
    head = dict(headers)
    # Whether a header may be there twice depends on the form.
    if len(head) != len(headers):
        return None
    # A length that was declared bounds the body; the others wait for something else than Kafka.
    if b"content-length" not in head or b"expect" in head or b"idempotency-key" in head:
        return None
    media, encoding = head.get(b"content-type", b""), head.get(b"content-encoding", b"")
    if int(head[b"content-length"]) > receiver_limits().max_body_bytes or len(media + encoding) > media_types.MAX_BYTES:
        return None
    try:
        form, gzip = form_of(media, encoding, b"ce-specversion" in head)
        asked = RequestHead(form, gzip, options(query), head)
        caller = acceptance.admit_cached(head)
    except RequestRejected:
        return None
    return None if caller is None else FastRequest(connection, acceptance, asked, caller, keep_alive=keep_alive)
