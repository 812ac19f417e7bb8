"""POST /ingest and POST /ingest/validate: events as JSON, NDJSON or CloudEvents, one or many."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ingestion.acceptance.accept import Parse, acceptance
from ingestion.acceptance.caller import charge
from ingestion.http.asgi import Request, only
from ingestion.http.response import Response
from ingestion.problems import RequestRejected
from ingestion.receivers.http import cloudevents, idempotency, responses, webhook
from ingestion.receivers.http.body_parsers import json_steps, ndjson_steps
from ingestion.receivers.http.request_head import Form, RequestHead, options, read_head
from ingestion.refusals.attempt import Way
from ingestion.runtime.limits import receiver_limits

PARSERS = {
    Form.JSON: json_steps,
    Form.NDJSON: ndjson_steps,
    Form.CLOUDEVENT: cloudevents.structured_steps,
    Form.CLOUDEVENTS: cloudevents.batch_steps,
}


CLOUDEVENTS = {Form.CLOUDEVENT, Form.CLOUDEVENTS, Form.BINARY_CLOUDEVENT}


async def ingest(request: Request) -> Response:
    """Accept events: answered once Kafka has them."""
    if request.method == "OPTIONS" and webhook.ORIGIN in request.head:
        return webhook.handshake(request.head)
    only(request, "POST")
    return await _accept(request, read_head(request.head, options(request.query)))


async def validate(request: Request) -> Response:
    """Return what `ingest` would answer, and publish nothing."""
    only(request, "POST")
    return await _accept(request, read_head(request.head, options(request.query, validate=True)))


def parser(body: bytes, asked: RequestHead) -> Parse:
    """Return the parser of a body, by its media type."""
    if asked.form is Form.BINARY_CLOUDEVENT:
        return partial(cloudevents.binary_steps, body, asked.head)
    return partial(PARSERS[asked.form], body)


async def _accept(request: Request, asked: RequestHead) -> Response:
    if asked.form is Form.BINARY_CLOUDEVENT:
        cloudevents.check_once(request.repeated)
    key = request.head.get(b"idempotency-key")
    if key is not None:
        idempotency.check(key)
    accepting = acceptance()
    # Before the body is read: the body of an unauthenticated caller is not worth its memory.
    attempt = request.attempt
    attempt.way = way_of(asked)
    caller = await accepting.admit(request.head, room=not asked.options.validate)
    attempt.grant = caller.grant
    try:
        body = await request.body(key=caller.grant.key, gzip=asked.gzip)
    except RequestRejected as refusal:
        charge(caller.bucket, refusal, receiver_limits().max_body_bytes)
        raise
    attempt.body, attempt.source = body, source_outside(asked)
    deadline = None if key is None else accepting.deadline()

    async def run() -> Response:
        parse = parser(body, asked)
        submission = await accepting.accept(parse, caller, asked.options, deadline=deadline, size=len(body))
        await submission.finish()
        reply = responses.reply(submission)
        if submission.parsed.rejected:
            submission.note_rejected(attempt, status=str(reply.status), name="event")
        return reply

    if key is None or asked.options.validate:
        answer = await run()
    else:
        whole = b"\0".join((asked.form.value.encode(), request.query, *_attributes(asked), body))
        answer = await idempotency.once(key, owner=caller.grant.key, request=whole, run=run)
    if caller.bucket is not None:
        answer.headers.extend(caller.bucket.headers())
    return answer


def way_of(asked: RequestHead) -> Way:
    """Return the format of a request, as examples of refused ones name it."""
    return Way.CLOUDEVENTS if asked.form in CLOUDEVENTS else Way.HTTP


def source_outside(asked: RequestHead) -> Callable[[], str] | None:
    """Return what reads the source of an event whose attributes are headers; None: it is in the body."""
    return partial(cloudevents.source_of, asked.head) if asked.form is Form.BINARY_CLOUDEVENT else None


def _attributes(asked: RequestHead) -> list[bytes]:
    """Return the headers that are part of the event."""
    if asked.form is not Form.BINARY_CLOUDEVENT:
        return []
    names = [name for name in sorted(asked.head) if name.startswith(b"ce-") or name == b"content-type"]
    return [part for name in names for part in (name, asked.head[name])]
