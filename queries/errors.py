"""Errors as application/problem+json, for views of Django REST framework and for Django's own error pages."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import uuid4

import msgspec
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.request import Request

from ingestion import problems
from ingestion.events.model import InvalidEvent
from ingestion.problems import Code, FieldError, RequestRejected
from processing import errors
from processing.dead_letters.redrive import NotRedrivable
from processing.jobs.queue import JobNotFound
from processing.logic.faults import Fault, InvalidLogic
from processing.logic.revisions.conflicts import Conflict
from processing.logic.revisions.rows import UnknownRevision
from queries.dead_letters.listing import DeadLetterNotFound
from queries.events.detail import AmbiguousEvent, EventNotFound, EventUncertain
from queries.export.reading import ExportTimeout
from queries.reads.postgres import QueryTimeout, ReadUnavailable
from queries.request.json_body import InvalidBody
from queries.request.query_params import InvalidParameter
from queries.sources.detail import SourceNotFound

RETRY_AFTER = "2"  # seconds
MAX_FAULTS = 100  # of logic, in one answer

logger = logging.getLogger(__name__)

# The exceptions that views raise, and the code and detail of the answer.
_PLAIN: dict[type[Exception], tuple[Code, str]] = {
    DatabaseError: (Code.STORE_UNAVAILABLE, "PostgreSQL did not answer in time; ask again later"),
    QueryTimeout: (
        Code.QUERY_TIMEOUT,
        "the query took longer than 5 s; ask for a shorter range of time, fewer sources or fewer fields",
    ),
    ExportTimeout: (
        Code.QUERY_TIMEOUT,
        "no event was found within 30 s; ask for a shorter range of time, fewer sources or fewer filters",
    ),
    ReadUnavailable: (Code.STORE_UNAVAILABLE, "PostgreSQL did not answer in time; ask again later"),
    EventNotFound: (Code.NOT_FOUND, "no stored event has this id (from this source)"),
    EventUncertain: (
        Code.STORE_UNAVAILABLE,
        "MongoDB, which leads from an id to its event, does not answer or is being restored; ask again later",
    ),
    SourceNotFound: (Code.NOT_FOUND, "no event of this source was ever read"),
    errors.StoreUnavailable: (Code.STORE_UNAVAILABLE, "a store did not answer in time; ask again later"),
    errors.NeedsOperator: (Code.STORE_UNAVAILABLE, "a store needs an operator; see the log"),
    DeadLetterNotFound: (Code.NOT_FOUND, "there is no dead letter of this number"),
    NotRedrivable: (Code.NOT_MENDABLE, "expected a letter that is open or parked"),
    JobNotFound: (Code.NOT_FOUND, "there is no job of this number"),
    UnknownRevision: (Code.NOT_FOUND, "there is no revision of this number"),
    RequestDataTooBig: (Code.BODY_TOO_LARGE, "the body is larger than this address allows"),
    Http404: (Code.NOT_FOUND, "there is nothing at this address"),
    PermissionDenied: (Code.FORBIDDEN, "this is not allowed"),
    exceptions.NotFound: (Code.NOT_FOUND, "there is nothing at this address"),
    exceptions.MethodNotAllowed: (Code.METHOD_NOT_ALLOWED, "see the header Allow for the allowed methods"),
    exceptions.NotAcceptable: (Code.NOT_ACCEPTABLE, "only application/json is available"),
    exceptions.UnsupportedMediaType: (Code.UNSUPPORTED_MEDIA_TYPE, "expected application/json"),
    exceptions.ParseError: (Code.NOT_JSON, "the body is not JSON"),
    exceptions.PermissionDenied: (Code.FORBIDDEN, "this is not allowed"),
}

# Django's own error pages, by status.
_STATUSES: dict[int, tuple[Code, str]] = {
    400: (Code.BAD_REQUEST, "the request is not valid; check its headers, first of all Host"),
    403: (Code.FORBIDDEN, "this is not allowed"),
    404: (Code.NOT_FOUND, "there is nothing at this address"),
    405: (Code.METHOD_NOT_ALLOWED, "see the header Allow for the allowed methods"),
    406: (Code.NOT_ACCEPTABLE, "only application/json is available"),
    500: (Code.INTERNAL_ERROR, "an error on our side; see the log"),
}


def answer(
    code: Code,
    detail: str,
    *,
    path: str,
    errors: Iterable[FieldError] = (),
    more: Mapping[str, object] | None = None,
) -> HttpResponse:
    """Build an error response.

    :param more: further members
    """
    request_id = uuid4().hex
    body = problems.problem(code, detail, instance=path, request_id=request_id, errors=errors)
    response = HttpResponse(
        json.dumps({**body, **(more or {})}), status=body["status"], content_type=problems.CONTENT_TYPE
    )
    response["X-Request-Id"] = request_id
    if body["status"] == 503:
        response["Retry-After"] = RETRY_AFTER
    return response


def handle(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """Return the response to an exception of a view of Django REST framework (setting EXCEPTION_HANDLER)."""
    request = cast("Request", context["request"])
    if isinstance(error, RequestRejected):
        return refused(error, path=request.path)
    response = _answer_for(error, path=request.path)
    if isinstance(error, exceptions.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def refused(refusal: RequestRejected, *, path: str) -> HttpResponse:
    """Return the response to a rejected request."""
    response = answer(refusal.code, refusal.detail, path=path)
    for name, value in refusal.headers:
        response[name.decode().title()] = value.decode()
    return response


def of_request(error: Exception, *, path: str) -> HttpResponse | None:
    """Return the response to a request of a page that can't be answered as asked; None: the error is another."""
    if isinstance(error, RequestRejected):
        return refused(error, path=path)
    return _answer_for(error, path=path) if isinstance(error, InvalidParameter) else None


def _answer_for(error: Exception, *, path: str) -> HttpResponse:
    if isinstance(error, InvalidLogic | Conflict):
        return _about_logic(error, path=path)
    if isinstance(error, InvalidBody):
        return answer(error.code, error.detail, path=path, errors=error.errors)
    if isinstance(error, InvalidParameter | InvalidEvent):
        wrong: FieldError = {"pointer": _pointer(error), "code": error.code, "detail": error.detail}
        return answer(error.code, error.detail, path=path, errors=[wrong])
    if isinstance(error, AmbiguousEvent):
        detail = "several sources have an event with this id; name one with source_id"
        return answer(Code.AMBIGUOUS_EVENT, detail, path=path, more={"sources": error.sources})
    for kind, (code, detail) in _PLAIN.items():
        if isinstance(error, kind):
            return answer(code, detail, path=path)
    logger.error("a view failed", exc_info=error, extra={"path": path})
    return answer(Code.INTERNAL_ERROR, "an error on our side; see the log", path=path)


def _about_logic(error: InvalidLogic | Conflict, *, path: str) -> HttpResponse:
    if isinstance(error, Conflict):
        # From `number` on whoever made the request goes on, once he has seen what changed.
        more = {"number": error.number, "changes": msgspec.to_builtins(error.changes)}
        return answer(Code.LOGIC_CHANGED, str(error), path=path, more=more)
    first = error.faults[0]
    detail = f"{first.pointer or 'the logic'}: {first.detail}"
    if len(error.faults) > 1:
        detail += f" (and {len(error.faults) - 1} more)"
    return answer(Code.INVALID_LOGIC, detail, path=path, errors=map(_fault, error.faults[:MAX_FAULTS]))


def _fault(fault: Fault) -> FieldError:
    found: FieldError = {"pointer": fault.pointer, "code": Code.INVALID_LOGIC, "detail": fault.detail}
    if fault.line:
        found |= {"line": fault.line, "column": fault.column}
    return found


def _pointer(error: InvalidParameter | InvalidEvent) -> str:
    if isinstance(error, InvalidParameter):
        return f"?{error.parameter}"
    # The event is the member `event` of the body.
    return f"/event{error.pointer}"


def instead_of(response: HttpResponse, request: HttpRequest) -> HttpResponse:
    """Return a problem instead of an HTML error page of Django's; other responses are returned unchanged."""
    meaning = _STATUSES.get(response.status_code)
    if meaning is None:
        return response
    changed = answer(*meaning, path=request.path)
    if "Allow" in response:
        changed["Allow"] = response["Allow"]
    return changed
