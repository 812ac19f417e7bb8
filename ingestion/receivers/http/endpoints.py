"""POST /ingest and POST /ingest/validate: events as JSON, NDJSON or CloudEvents, one or many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ingestion import metrics
from ingestion.acceptance import intake
from ingestion.acceptance.intake import Caller
from ingestion.auth.source_registry import Labels
from ingestion.events import timestamps
from ingestion.problems import Code
from ingestion.receivers.http import cloudevents, idempotency, responses
from ingestion.receivers.http.asgi import Request, only
from ingestion.receivers.http.body_parsers import ParsedBatch, parse_json, parse_ndjson
from ingestion.receivers.http.request_head import Form, Options, form_of, options
from ingestion.receivers.http.responses import Answer

PARSERS = {
    Form.JSON: parse_json,
    Form.NDJSON: parse_ndjson,
    Form.CLOUDEVENT: cloudevents.parse_structured,
    Form.CLOUDEVENTS: cloudevents.parse_batch,
}
CLOUDEVENTS = {Form.CLOUDEVENT, Form.CLOUDEVENTS, Form.BINARY_CLOUDEVENT}


class RequestHead(NamedTuple):
    """What a request says before its body."""

    form: Form
    gzip: bool
    options: Options
    head: Mapping[bytes, bytes]  # names in lower case


async def ingest(request: Request) -> Answer:
    """Take events: answered once Kafka has them."""
    only(request, "POST")
    return await _accept(request, read_head(request.head, options(request.query)))


async def validate(request: Request) -> Answer:
    """Say what `ingest` would answer, and take nothing."""
    only(request, "POST")
    return await _accept(request, read_head(request.head, options(request.query, validate=True)))


def read_head(head: Mapping[bytes, bytes], asked: Options) -> RequestHead:
    """Judge a request by its headers.

    :raises Refused: its body is of no form that is taken, or too long
    """
    return RequestHead(*form_of(head, max_bytes=intake.max_body_bytes()), asked, head)


def parse(body: bytes, asked: RequestHead, *, now: int) -> ParsedBatch:
    """Read the events of a body.

    :param now: microseconds since the epoch
    :raises Refused: it can't be read as a whole
    """
    if asked.form is Form.BINARY_CLOUDEVENT:
        return cloudevents.parse_binary(body, asked.head, now=now, limits=intake.limits())
    return PARSERS[asked.form](body, now=now, limits=intake.limits())


def is_to_be_published(parsed: ParsedBatch, asked: Options) -> bool:
    """Count what was rejected, and tell whether there is anything to publish."""
    if asked.validate:
        return False
    intake.count_rejected(parsed)
    if is_withheld(parsed, asked):
        metrics.rejected(Code.NOTHING_ACCEPTED, len(parsed.events))
        return False
    return bool(parsed.events)


def source_labels(parsed: ParsedBatch, form: Form) -> Labels | None:
    """Give what is to be written down about the sources."""
    return cloudevents.labels(parsed.events) if form in CLOUDEVENTS else None


def reply(parsed: ParsedBatch, asked: Options, *, received: int) -> Answer:
    """Say what became of the events, once those that are to be are in Kafka."""
    if is_withheld(parsed, asked):
        return responses.withheld(parsed, asked)
    if not parsed.single:
        return responses.batch(parsed, asked)
    if parsed.rejected:
        return responses.rejected(parsed.rejected[0])
    return responses.accepted(parsed.events[0], asked, received=received)


async def _accept(request: Request, asked: RequestHead) -> Answer:
    key = request.head.get(b"idempotency-key")
    if key is not None:
        idempotency.check(key)
    # Before the body is read: a stranger's is not worth its memory.
    caller = await intake.admit(request.head)
    if not asked.options.validate:
        intake.check_room(request.head)
    body = await request.body(gzip=asked.gzip)
    deadline = intake.deadline()

    async def run() -> Answer:
        return await _take(body, asked, caller, deadline=deadline)

    if key is None or asked.options.validate:
        answer = await run()
    else:
        whole = b"\0".join((asked.form.value.encode(), request.query, *_attributes(asked), body))
        answer = await idempotency.once(key, owner=caller.grant.key, request=whole, run=run)
    answer.headers.extend(caller.headers())
    return answer


async def _take(body: bytes, asked: RequestHead, caller: Caller, *, deadline: float) -> Answer:
    received = timestamps.now()
    parsed = await intake.screen(parse(body, asked, now=received), caller)
    if is_to_be_published(parsed, asked.options):
        labels = source_labels(parsed, asked.form)
        await intake.publish(parsed.events, caller, received=received, deadline=deadline, labels=labels)
    return reply(parsed, asked.options, received=received)


def _attributes(asked: RequestHead) -> list[bytes]:
    """The headers that are a part of what is sent."""
    if asked.form is not Form.BINARY_CLOUDEVENT:
        return []
    names = [name for name in sorted(asked.head) if name.startswith(b"ce-") or name == b"content-type"]
    return [part for name in names for part in (name, asked.head[name])]


def is_withheld(parsed: ParsedBatch, asked: Options) -> bool:
    """Whether good events are refused with the others, as their sender asked for all or none."""
    return asked.atomic and bool(parsed.rejected) and not parsed.single
