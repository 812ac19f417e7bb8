"""An HTTP response as bytes, the same for every receiver: status, headers, body, and problems (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from ingestion import metrics, problems
from ingestion.acceptance import request_log
from ingestion.problems import RETRY, UNEXPECTED, Code, FieldError, Header, RequestRejected
from ingestion.refusals import examples
from ingestion.refusals.attempt import Attempt
from ingestion.runtime import request_context

PATH = "/ingest"
JSON = b"application/json"
CLOSE = (b"connection", b"close")
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Response(NamedTuple):
    """A status, headers and a body."""

    status: int
    headers: list[Header]
    body: bytes


def rejection(refusal: RequestRejected, attempt: Attempt, *, instance: str = PATH) -> Response:
    """Count a rejected request, keep it as an example, and return its response."""
    metrics.refused[refusal.code].inc()
    request_log.refused(refusal.code)
    examples.note_refused(refusal.code, refusal.detail, attempt)
    return problem(refusal.code, refusal.detail, instance=instance, headers=refusal.headers)


def internal_error(attempt: Attempt, *, instance: str = PATH) -> Response:
    """Count an error in our own code and return its response."""
    return rejection(RequestRejected(Code.INTERNAL_ERROR, UNEXPECTED), attempt, instance=instance)


def problem(
    code: Code,
    detail: str,
    *,
    instance: str = PATH,
    errors: Iterable[FieldError] = (),
    headers: Iterable[Header] = (),
    more: dict[str, object] | None = None,
) -> Response:
    """Build the response of an RFC 9457 problem; `more` adds members to it."""
    request_id = request_context.request_id()
    body = problems.problem(code, detail, instance=instance, request_id=request_id, errors=errors)
    own = [(b"x-request-id", request_id.encode()), *headers]
    if body["status"] == 503 and b"retry-after" not in dict(own):
        own.append(RETRY)
    return answer(body["status"], problems.CONTENT_TYPE.encode(), msgspec.json.encode(body | (more or {})), own)


def answer(status: int, content_type: bytes, body: bytes, headers: Iterable[Header] = ()) -> Response:
    """Build a response with its length."""
    return Response(status, [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *headers], body)


def serialize(reply: Response, default_headers: Iterable[Header]) -> bytes:
    """Return an answer as it goes over the connection."""
    return _head(reply.status, (*default_headers, *reply.headers)) + reply.body


# Most answers of one second have the same head: to look it up takes a quarter of the time.
@lru_cache(maxsize=256)
def _head(status: int, headers: tuple[Header, ...]) -> bytes:
    return b"%b%b\r\n" % (STATUS_LINES[status], header_lines(headers))


def header_lines(headers: Iterable[Header]) -> bytes:
    """Return headers as they go over the connection.

    :raises ValueError: one would end its line
    """
    lines = [b"%b: %b" % header for header in headers]
    whole = b"\r\n".join(lines)
    if whole.count(b"\n") >= max(1, len(lines)):
        raise ValueError("a header holds a newline")
    return whole + b"\r\n" if lines else b""
