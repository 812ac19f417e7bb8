"""Refusals over gRPC: a google.rpc.Status with machine-readable details."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from ingestion import metrics, problems
from ingestion.acceptance import request_log
from ingestion.problems import RETRY_AFTER, UNEXPECTED, Code, Header, RequestRejected
from ingestion.refusals import examples
from ingestion.refusals.attempt import Attempt
from ingestion.runtime import request_context

DOMAIN = "dataflow"
STATUSES = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    408: grpc.StatusCode.UNAVAILABLE,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}
# A status is sent in the trailers, of which many clients accept 8 KiB: https://grpc.io/docs/guides/metadata/
MAX_VIOLATIONS = 10
MAX_TEXT = 200  # bytes of a message, a field or a description

_BY_NUMBER = {status.value[0]: status for status in grpc.StatusCode}


class Violation(NamedTuple):
    """One error in a message."""

    place: str  # a JSON pointer from the message's root
    code: str
    detail: str


def of(code: Code) -> grpc.StatusCode:
    """Return the gRPC status of a reason code."""
    return STATUSES.get(problems.status_of(code), grpc.StatusCode.INVALID_ARGUMENT)


def named(status: Status) -> grpc.StatusCode:
    """Return the gRPC status code of a status."""
    return _BY_NUMBER[status.code]


def name_of(status: Status | None) -> str:
    """Return the name of a status; None: success."""
    return "OK" if status is None else named(status).name


def refusal(refused: RequestRejected, attempt: Attempt) -> Status:
    """Count a message that is refused as a whole, keep it as an example, and return its status."""
    metrics.refused[refused.code].inc()
    request_log.refused(refused.code)
    examples.note_refused(refused.code, refused.detail, attempt, status=of(refused.code).name)
    return build(refused.code, refused.detail, headers=refused.headers)


def unexpected(attempt: Attempt) -> Status:
    """Count an error in our own code, and return its status."""
    return refusal(RequestRejected(Code.INTERNAL_ERROR, UNEXPECTED), attempt)


def build(code: Code, detail: str, *, violations: Iterable[Violation] = (), headers: Iterable[Header] = ()) -> Status:
    """Build a status; it names MAX_VIOLATIONS violations at most."""
    number: int = of(code).value[0]
    status = Status(code=number, message=_truncate(detail))
    details: list[Message] = [
        ErrorInfo(reason=code.value, domain=DOMAIN),
        RequestInfo(request_id=request_context.request_id()),
    ]
    field_violations = [_field_violation(violation) for violation in islice(violations, MAX_VIOLATIONS)]
    if field_violations:
        details.append(BadRequest(field_violations=field_violations))
    seconds = retry_after(code, headers)
    if seconds is not None:
        details.append(RetryInfo(retry_delay=Duration(seconds=seconds)))
    for part in details:
        status.details.add().Pack(part)
    return status


def retry_after(code: Code, headers: Iterable[Header]) -> int | None:
    """Return the seconds after which to retry; None if a retry can't succeed."""
    given = dict(headers).get(b"retry-after")
    if given is None and problems.status_of(code) == 503:
        given = RETRY_AFTER
    return None if given is None else int(given)


def _field_violation(violation: Violation) -> BadRequest.FieldViolation:
    place, code, detail = violation
    return BadRequest.FieldViolation(field=_truncate(place), description=_truncate(detail), reason=code)


def _truncate(text: str) -> str:
    whole = text.encode()
    return text if len(whole) <= MAX_TEXT else whole[:MAX_TEXT].decode(errors="ignore") + "…"
