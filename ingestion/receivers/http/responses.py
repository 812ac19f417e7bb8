"""The answers to POST /ingest: accepted and rejected events."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from ingestion.acceptance.options import Options, Outcome, outcome
from ingestion.acceptance.submission import Submission
from ingestion.events.batch import Rejected
from ingestion.events.model import Event
from ingestion.http.response import JSON, PATH, Response, answer, problem
from ingestion.problems import FieldError

_ACCEPTED = b'{"eventId":"%b","status":"accepted","receivedAt":"%b.%06dZ"}'
_VALID = _ACCEPTED.replace(b"accepted", b"valid")


def accepted(event: Event, options: Options, *, received: int) -> Response:
    """Confirm a single event; `received` in microseconds since the epoch."""
    seconds, microseconds = divmod(received, 1_000_000)
    form, status = (_VALID, 200) if options.validate else (_ACCEPTED, 202)
    return answer(status, JSON, form % (event.id.encode(), _second(seconds), microseconds))


def reply(submission: Submission) -> Response:
    """Build the answer to a batch whose valid events are in Kafka, if they are to be."""
    parsed, options = submission.parsed, submission.options
    if not parsed.single:
        return _batch(outcome(parsed, options), options)
    if parsed.rejected:
        return rejected(parsed.rejected[0], instance=_instance(options))
    return accepted(parsed.events[0], options, received=submission.received)


def rejected(item: Rejected, *, instance: str = PATH) -> Response:
    """Refuse a single event."""
    errors: list[FieldError] = [{"pointer": item.pointer, "code": item.code.value, "detail": item.detail}]
    return problem(item.code, item.detail, instance=instance, errors=errors)


def _batch(found: Outcome, options: Options) -> Response:
    told: dict[str, object] = {"accepted": found.accepted, "rejected": found.rejected, "results": found.results}
    if found.error_count is not None:
        told["errorCount"] = found.error_count
    if found.refusal is not None:
        return problem(*found.refusal, instance=_instance(options), more=told)
    whole = 200 if options.validate else 202
    return answer(207 if found.rejected else whole, JSON, msgspec.json.encode(told))


def _instance(options: Options) -> str:
    return f"{PATH}/validate" if options.validate else PATH


# Formatting a time costs more than all the rest of an answer, and thousands of answers share a second.
@lru_cache(maxsize=4)
def _second(seconds: int) -> bytes:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
