"""The request id and the W3C trace context of a request, for its response, its records and its log lines."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from uuid import uuid4

from ingestion.tracing.request_marks import REQUEST_ID
from ingestion.tracing.traceparent import parse

# Each request runs in its own context.
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
chosen_id: ContextVar[bytes | None] = ContextVar("chosen_id", default=None)  # the client's own, valid
traceparent: ContextVar[bytes | None] = ContextVar("traceparent", default=None)  # valid


def begin(head: Mapping[bytes, bytes]) -> bytes | None:
    """Store both from the request's headers; return the request id that the client chose, if it is valid."""
    trace = head.get(b"traceparent")
    if trace is not None and (valid := parse(trace)) is not None:
        traceparent.set(valid)
    given = head.get(b"x-request-id")
    if given is None or not REQUEST_ID.fullmatch(given):
        return None
    chosen_id.set(given)
    _request_id.set(given.decode())
    return given


def request_id() -> str:
    """Return the request's id; it is created now if the client sent none."""
    found = _request_id.get()
    if found is None:
        found = uuid4().hex
        _request_id.set(found)
    return found


def ids() -> dict[str, str]:
    """Return the same as named(), by the names of OpenTelemetry: `span_id` is the caller's span."""
    found: dict[str, str] = {}
    request, trace = _request_id.get(), traceparent.get()
    if request is not None:
        found["request_id"] = request
    if trace is not None:
        _, found["trace_id"], found["span_id"], _ = trace.decode().split("-")
    return found


def named() -> dict[str, str]:
    """Return the log fields of the current request; empty outside of requests."""
    found: dict[str, str] = {}
    request, trace = _request_id.get(), traceparent.get()
    if request is not None:
        found["requestId"] = request
    if trace is not None:
        found["traceparent"] = trace.decode("latin-1")
    return found
