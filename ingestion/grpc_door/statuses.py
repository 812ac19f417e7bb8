"""How a refusal is said over gRPC: a google.rpc.Status whose details programs can read."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from ingestion import answers, problems, tracing
from ingestion.answers import Header
from ingestion.problems import Code
from ingestion.requests import Refused

DOMAIN = "dataflow"
STATUSES = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}
# A status travels in the trailers, of which many clients take 8 KiB: https://grpc.io/docs/guides/metadata/
MAX_VIOLATIONS = 10
MAX_TEXT = 200  # bytes of a message, a place or a description

_BY_NUMBER = {status.value[0]: status for status in grpc.StatusCode}


class Violation(NamedTuple):
    """One thing that is wrong in a message."""

    place: str  # a JSON pointer from the message's root
    code: str
    detail: str


def of(code: Code) -> grpc.StatusCode:
    """The gRPC status that goes with a code."""
    return STATUSES.get(problems.status_of(code), grpc.StatusCode.INVALID_ARGUMENT)


def named(status: Status) -> grpc.StatusCode:
    """The name of a status' number."""
    return _BY_NUMBER[status.code]


def refusal(refused: Refused) -> Status:
    """Say that a message is refused as a whole."""
    return build(refused.code, refused.detail, headers=refused.headers)


def build(code: Code, detail: str, *, violations: Iterable[Violation] = (), headers: Iterable[Header] = ()) -> Status:
    """Build a status; of many violations it names the first ones."""
    number: int = of(code).value[0]
    status = Status(code=number, message=_short(detail))
    details: list[Message] = [
        ErrorInfo(reason=code.value, domain=DOMAIN),
        RequestInfo(request_id=tracing.request_id()),
    ]
    named_ones = [_named(violation) for violation in islice(violations, MAX_VIOLATIONS)]
    if named_ones:
        details.append(BadRequest(field_violations=named_ones))
    seconds = retry_after(code, headers)
    if seconds is not None:
        details.append(RetryInfo(retry_delay=Duration(seconds=seconds)))
    for part in details:
        status.details.add().Pack(part)
    return status


def retry_after(code: Code, headers: Iterable[Header]) -> int | None:
    """Seconds after which the same may be taken; None where it never will be."""
    given = dict(headers).get(b"retry-after")
    if given is None and problems.status_of(code) == 503:
        given = answers.RETRY_AFTER
    return None if given is None else int(given)


def _named(violation: Violation) -> BadRequest.FieldViolation:
    place, code, detail = violation
    return BadRequest.FieldViolation(field=_short(place), description=_short(detail), reason=code)


def _short(text: str) -> str:
    whole = text.encode()
    return text if len(whole) <= MAX_TEXT else whole[:MAX_TEXT].decode(errors="ignore") + "…"
