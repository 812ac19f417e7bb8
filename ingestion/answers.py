"""Every answer of the door, as bytes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, NotRequired, TypedDict
from uuid import uuid4

import msgspec

from ingestion import problems
from ingestion.bodies import Batch, Rejected
from ingestion.contract import Event
from ingestion.problems import Code, FieldError
from ingestion.requests import Options

PATH = "/ingest"
JSON = b"application/json"
RETRY_AFTER = b"1"  # seconds; a budget is empty again, or a broker has a new leader, about that soon

Header = tuple[bytes, bytes]

_ACCEPTED = b'{"eventId":"%b","status":"accepted","receivedAt":"%b.%06dZ"}'


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


def accepted(event: Event, *, received: int) -> Answer:
    """Confirm a single event; `received` in microseconds since the epoch."""
    seconds, microseconds = divmod(received, 1_000_000)
    return answer(202, JSON, _ACCEPTED % (event.id.encode(), _second(seconds), microseconds))


def batch(parsed: Batch, options: Options) -> Answer:
    """Say what became of a batch whose good events are in Kafka."""
    count, rejected = len(parsed.events), len(parsed.rejected)
    results = [_rejected(item) for item in parsed.rejected]
    if options.list_all:
        results += [_accepted(index, event) for index, event in zip(positions(parsed), parsed.events, strict=True)]
        results.sort(key=lambda result: result["index"])
    if not count and rejected:
        return _nothing_accepted("no event of the batch was accepted", rejected=rejected, results=results)
    body = msgspec.json.encode({"accepted": count, "rejected": rejected, "results": results})
    return answer(207 if rejected else 202, JSON, body)


def withheld(parsed: Batch, options: Options) -> Answer:
    """Refuse a batch as a whole, since not all of its events are good and the sender asked for all or none."""
    results = [_rejected(item) for item in parsed.rejected]
    if options.list_all:
        results += [_withheld(index) for index in positions(parsed)]
        results.sort(key=lambda result: result["index"])
    total = len(parsed.events) + len(parsed.rejected)
    return _nothing_accepted("not every event is good, and all or none was asked for", rejected=total, results=results)


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
    request_id = uuid4().hex
    body = problems.problem(code, detail, instance=instance, request_id=request_id, errors=errors)
    retry = [(b"retry-after", RETRY_AFTER)] if body["status"] == 503 else []
    return answer(
        body["status"],
        problems.CONTENT_TYPE.encode(),
        msgspec.json.encode(body | (more or {})),
        [(b"x-request-id", request_id.encode()), *retry, *headers],
    )


def rejected(item: Rejected) -> Answer:
    """Refuse a single event."""
    errors: list[FieldError] = [{"pointer": item.pointer, "code": item.code.value, "detail": item.detail}]
    return problem(item.code, item.detail, errors=errors)


def answer(status: int, content_type: bytes, body: bytes, headers: Iterable[Header] = ()) -> Answer:
    """Put together an answer with its length."""
    return Answer(status, [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *headers], body)


def positions(parsed: Batch) -> Iterable[int]:
    """Where the good events stood in the body."""
    return range(len(parsed.events)) if parsed.indexes is None else parsed.indexes


def _nothing_accepted(detail: str, *, rejected: int, results: list[Result]) -> Answer:
    return problem(Code.NOTHING_ACCEPTED, detail, more={"accepted": 0, "rejected": rejected, "results": results})


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
