"""Every answer of the door, as bytes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, NotRequired, TypedDict

import msgspec

from ingestion import problems
from ingestion.events.model import Event
from ingestion.problems import Code, FieldError
from ingestion.receivers.http.body_parsers import ParsedBatch, Rejected
from ingestion.receivers.http.request_head import Options
from ingestion.runtime import request_context

PATH = "/ingest"
JSON = b"application/json"
RETRY_AFTER = b"1"  # seconds; a budget is empty again, or a broker has a new leader, about that soon

Header = tuple[bytes, bytes]

_ACCEPTED = b'{"eventId":"%b","status":"accepted","receivedAt":"%b.%06dZ"}'
_VALID = _ACCEPTED.replace(b"accepted", b"valid")


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    headers: list[Header]
    body: bytes


class Result(TypedDict):
    """What became of one event of a batch. A refused one has a code, a pointer and a detail, an accepted one its id."""

    index: int
    status: str
    eventId: NotRequired[str]
    code: NotRequired[str]
    pointer: NotRequired[str]
    detail: NotRequired[str]


class Outcome(NamedTuple):
    """What became of a batch, however its sender is told."""

    accepted: int
    rejected: int
    results: list[Result]
    refusal: tuple[Code, str] | None = None  # none of it was taken: the code and why


def accepted(event: Event, options: Options, *, received: int) -> Answer:
    """Confirm a single event; `received` in microseconds since the epoch."""
    seconds, microseconds = divmod(received, 1_000_000)
    form, status = (_VALID, 200) if options.validate else (_ACCEPTED, 202)
    return answer(status, JSON, form % (event.id.encode(), _second(seconds), microseconds))


def batch(parsed: ParsedBatch, options: Options) -> Answer:
    """Say what became of a batch whose good events are in Kafka."""
    return _told(outcome(parsed, options), options)


def withheld(parsed: ParsedBatch, options: Options) -> Answer:
    """Refuse a batch as a whole, since not all of its events are good and the sender asked for all or none."""
    return _told(outcome_withheld(parsed, options), options)


def outcome(parsed: ParsedBatch, options: Options) -> Outcome:
    """Judge a batch whose good events are in Kafka."""
    results = [_rejected(item) for item in parsed.rejected]
    if options.list_all:
        results += [_accepted(index, event) for index, event in zip(positions(parsed), parsed.events, strict=True)]
        results.sort(key=lambda result: result["index"])
    refusal = None
    if parsed.rejected and not parsed.events:
        refusal = (_nothing_accepted(results), "no event of the batch was accepted")
    return Outcome(len(parsed.events), len(parsed.rejected), results, refusal)


def outcome_withheld(parsed: ParsedBatch, options: Options) -> Outcome:
    """Judge a batch that is refused as a whole, since its sender asked for all or none."""
    results = [_rejected(item) for item in parsed.rejected]
    if options.list_all:
        results += [_withheld(index) for index in positions(parsed)]
        results.sort(key=lambda result: result["index"])
    refusal = (_nothing_accepted(results), "not every event is good, and all or none was asked for")
    return Outcome(0, len(parsed.events) + len(parsed.rejected), results, refusal)


def problem(
    code: Code,
    detail: str,
    *,
    instance: str = PATH,
    errors: Iterable[FieldError] = (),
    headers: Iterable[Header] = (),
    more: dict[str, object] | None = None,
) -> Answer:
    """Answer with an RFC 9457 problem; `more` adds members to it."""
    request_id = request_context.request_id()
    body = problems.problem(code, detail, instance=instance, request_id=request_id, errors=errors)
    own = [(b"x-request-id", request_id.encode()), *headers]
    if body["status"] == 503 and b"retry-after" not in dict(own):
        own.append((b"retry-after", RETRY_AFTER))
    return answer(body["status"], problems.CONTENT_TYPE.encode(), msgspec.json.encode(body | (more or {})), own)


def rejected(item: Rejected) -> Answer:
    """Refuse a single event."""
    errors: list[FieldError] = [{"pointer": item.pointer, "code": item.code.value, "detail": item.detail}]
    return problem(item.code, item.detail, errors=errors)


def answer(status: int, content_type: bytes, body: bytes, headers: Iterable[Header] = ()) -> Answer:
    """Put together an answer with its length."""
    return Answer(status, [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *headers], body)


def positions(parsed: ParsedBatch) -> Iterable[int]:
    """Where the good events stood in the body."""
    return range(len(parsed.events)) if parsed.indexes is None else parsed.indexes


def _told(outcome: Outcome, options: Options) -> Answer:
    told = {"accepted": outcome.accepted, "rejected": outcome.rejected, "results": outcome.results}
    if outcome.refusal is not None:
        return problem(*outcome.refusal, more=told)
    whole = 200 if options.validate else 202
    return answer(207 if outcome.rejected else whole, JSON, msgspec.json.encode(told))


def _nothing_accepted(results: list[Result]) -> Code:
    codes = {Code(result["code"]) for result in results if "code" in result}
    # A batch that is refused for its sources alone is forbidden, not wrong.
    forbidden = all(problems.status_of(code) == 403 for code in codes)
    return min(codes) if forbidden else Code.NOTHING_ACCEPTED


def _accepted(index: int, event: Event) -> Result:
    return {"index": index, "status": "accepted", "eventId": event.id}


def _rejected(item: Rejected) -> Result:
    return {
        "index": item.index,
        "status": "rejected",
        "code": item.code.value,
        "pointer": item.pointer,
        "detail": item.detail,
    }


def _withheld(index: int) -> Result:
    detail = "this event is good, but another one of the batch is not"
    return {
        "index": index,
        "status": "rejected",
        "code": Code.NOTHING_ACCEPTED.value,
        "pointer": "",
        "detail": detail,
    }


# Formatting a time costs more than all the rest of an answer, and thousands of answers share a second.
@lru_cache(maxsize=4)
def _second(seconds: int) -> bytes:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
