"""Every reason code the product answers with, the exception that carries one, and the RFC 9457 problem built from it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NotRequired, TypedDict

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER = b"1"  # seconds; a budget is empty again, or a broker has a new leader, about that soon

# Query parameters that clients use for a key. A key in an address is logged by proxies, so it is rejected.
SECRETS = frozenset({"api_key", "apikey", "api-key", "x-api-key", "key", "token", "access_token", "auth", "p"})
CHALLENGE = (b"www-authenticate", b'Bearer realm="dataflow"')

# The detail of INTERNAL_ERROR, over HTTP and over gRPC.
UNEXPECTED = "an error on our side; what became of the events is unknown"

Header = tuple[bytes, bytes]
RETRY: Header = (b"retry-after", RETRY_AFTER)


class Code(StrEnum):
    """Stable, documented reason codes (docs/problems.md)."""

    # The request
    BAD_REQUEST = "bad_request"
    UNKNOWN_PARAMETER = "unknown_parameter"
    INVALID_PARAMETER = "invalid_parameter"
    QUERY_TOO_WIDE = "query_too_wide"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    INVALID_HEADER = "invalid_header"
    HEADERS_TOO_LARGE = "headers_too_large"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    SOURCE_NOT_ALLOWED = "source_not_allowed"
    SOURCE_DISABLED = "source_disabled"
    UNKNOWN_SOURCE = "unknown_source"
    SOURCE_FAILING = "source_failing"
    RATE_LIMITED = "rate_limited"
    TOO_MUCH_UNFINISHED = "too_much_unfinished"
    TOO_MANY_REQUESTS = "too_many_requests"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    IDEMPOTENCY_KEY_IN_USE = "idempotency_key_in_use"
    REQUEST_TIMEOUT = "request_timeout"
    AMBIGUOUS_EVENT = "ambiguous_event"
    NOT_MENDABLE = "not_mendable"
    INVALID_LOGIC = "invalid_logic"
    LOGIC_CHANGED = "logic_changed"
    # The body as a whole
    NOT_JSON = "not_json"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_EVENTS = "too_many_events"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    UNSUPPORTED_TRANSFER_ENCODING = "unsupported_transfer_encoding"
    INVALID_COMPRESSION = "invalid_compression"
    NOTHING_ACCEPTED = "nothing_accepted"
    # One event
    NOT_AN_EVENT = "not_an_event"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    INVALID_SOURCE_ID = "invalid_source_id"
    INVALID_TIMESTAMP = "invalid_timestamp"
    INVALID_EVENT_ID = "invalid_event_id"
    INVALID_ATTRIBUTE = "invalid_attribute"
    INVALID_LINE = "invalid_line"
    DUPLICATE_KEY = "duplicate_key"
    INVALID_TEXT = "invalid_text"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    TOO_DEEP = "too_deep"
    TOO_MANY_KEYS = "too_many_keys"
    KEY_TOO_LONG = "key_too_long"
    EVENT_TOO_LARGE = "event_too_large"
    TOO_MANY_SOURCES = "too_many_sources"
    # Only in the topic
    EMPTY_RECORD = "empty_record"
    UNSUPPORTED_VERSION = "unsupported_version"
    ID_CONFLICT = "id_conflict"
    REFUSED_BY_STORE = "refused_by_store"
    REJECTED_BY_RULE = "rejected_by_rule"
    SCHEMA_VIOLATION = "schema_violation"
    # Ours
    INTERNAL_ERROR = "internal_error"
    BROKER_UNAVAILABLE = "broker_unavailable"
    STORE_UNAVAILABLE = "store_unavailable"
    QUERY_TIMEOUT = "query_timeout"
    OVERLOADED = "overloaded"
    PIPELINE_BEHIND = "pipeline_behind"


# What each code means to a client: HTTP status and title. docs/problems.md is generated from this.
MEANINGS: dict[Code, tuple[int, str]] = {
    Code.BAD_REQUEST: (400, "The request is not well-formed HTTP"),
    Code.UNKNOWN_PARAMETER: (400, "Unknown query parameter"),
    Code.INVALID_PARAMETER: (400, "A query parameter has an invalid value"),
    Code.QUERY_TOO_WIDE: (400, "The query would read or return too much"),
    Code.NOT_FOUND: (404, "There is nothing at this address"),
    Code.METHOD_NOT_ALLOWED: (405, "This address does not take this method"),
    Code.NOT_ACCEPTABLE: (406, "No response in the requested format exists"),
    Code.INVALID_HEADER: (400, "A header has an invalid value"),
    Code.HEADERS_TOO_LARGE: (431, "The headers are too large or too many"),
    Code.UNAUTHENTICATED: (401, "A valid key is needed"),
    Code.FORBIDDEN: (403, "This is not allowed"),
    Code.SOURCE_NOT_ALLOWED: (403, "The key is not for this source"),
    Code.SOURCE_DISABLED: (403, "The source is disabled"),
    Code.UNKNOWN_SOURCE: (403, "The source is not registered, and this site accepts registered ones only"),
    Code.SOURCE_FAILING: (429, "Too many events of the source became dead letters; send again later"),
    Code.RATE_LIMITED: (429, "The key has used up its rate; send again later"),
    Code.TOO_MUCH_UNFINISHED: (429, "The key has too many unfinished requests; send again later"),
    Code.TOO_MANY_REQUESTS: (429, "The reader has too many requests at one time"),
    Code.IDEMPOTENCY_KEY_REUSED: (422, "The Idempotency-Key came with another request before"),
    Code.IDEMPOTENCY_KEY_IN_USE: (409, "The first request with this Idempotency-Key is still running"),
    Code.REQUEST_TIMEOUT: (408, "The body did not arrive in time"),
    Code.AMBIGUOUS_EVENT: (409, "Several sources have an event with this id"),
    Code.NOT_MENDABLE: (409, "The dead letter is being redriven, stored or discarded"),
    Code.INVALID_LOGIC: (422, "The logic can't be used"),
    Code.LOGIC_CHANGED: (409, "Somebody else changed the logic meanwhile"),
    Code.NOT_JSON: (400, "The text is not JSON in UTF-8"),
    Code.BODY_TOO_LARGE: (413, "The body is larger than the limit"),
    Code.TOO_MANY_EVENTS: (413, "The body holds more events than the limit"),
    Code.UNSUPPORTED_MEDIA_TYPE: (415, "The content type is not supported"),
    Code.UNSUPPORTED_ENCODING: (415, "The content encoding is not supported"),
    Code.UNSUPPORTED_TRANSFER_ENCODING: (501, "The transfer encoding is not supported"),
    Code.INVALID_COMPRESSION: (400, "The body does not match its content encoding"),
    Code.NOTHING_ACCEPTED: (422, "No event of the batch was accepted"),
    Code.NOT_AN_EVENT: (422, "An event is a JSON object"),
    Code.MISSING_FIELD: (422, "A required field is missing"),
    Code.UNKNOWN_FIELD: (422, "An event has no such field"),
    Code.WRONG_TYPE: (422, "A field has a value of the wrong type"),
    Code.INVALID_SOURCE_ID: (422, "The source id is not of the required form"),
    Code.INVALID_TIMESTAMP: (422, "The timestamp is not of the required form, or out of range"),
    Code.INVALID_EVENT_ID: (422, "The event id is not a UUID in canonical form"),
    Code.INVALID_ATTRIBUTE: (422, "An attribute of a CloudEvent is not of the required form"),
    Code.INVALID_LINE: (400, "The line is not line protocol in UTF-8"),
    Code.DUPLICATE_KEY: (422, "The same key occurs twice in one object"),
    Code.INVALID_TEXT: (422, "A text contains a NUL or half a surrogate pair, which no store can hold"),
    Code.NUMBER_OUT_OF_RANGE: (422, "A number can't be stored without change"),
    Code.TOO_DEEP: (422, "Values are nested deeper than the limit"),
    Code.TOO_MANY_KEYS: (422, "The payload has more keys than the limit"),
    Code.KEY_TOO_LONG: (422, "A key is longer than the limit"),
    Code.EVENT_TOO_LARGE: (413, "An event is larger than the limit"),
    Code.TOO_MANY_SOURCES: (422, "More new sources than the limit"),
    Code.EMPTY_RECORD: (422, "The record holds no event"),
    Code.UNSUPPORTED_VERSION: (422, "A newer release wrote the record"),
    Code.ID_CONFLICT: (409, "The source sent different content under this id before"),
    Code.REFUSED_BY_STORE: (422, "A store can't keep this event"),
    Code.REJECTED_BY_RULE: (422, "A rule rejects the event"),
    Code.SCHEMA_VIOLATION: (422, "The event violates the schema of its source"),
    Code.INTERNAL_ERROR: (500, "An error on our side"),
    Code.BROKER_UNAVAILABLE: (503, "The broker did not confirm in time"),
    Code.STORE_UNAVAILABLE: (503, "A store does not answer"),
    Code.QUERY_TIMEOUT: (503, "The query took too long"),
    Code.OVERLOADED: (503, "Too much is on its way; send again later"),
    Code.PIPELINE_BEHIND: (503, "Processing is too far behind; send again later"),
}

# What can be wrong with one event in the public format.
OF_EVENT = (
    *(Code.NOT_AN_EVENT, Code.MISSING_FIELD, Code.UNKNOWN_FIELD, Code.WRONG_TYPE, Code.INVALID_SOURCE_ID),
    *(Code.INVALID_TIMESTAMP, Code.INVALID_EVENT_ID, Code.DUPLICATE_KEY, Code.INVALID_TEXT, Code.NUMBER_OUT_OF_RANGE),
    *(Code.TOO_DEEP, Code.TOO_MANY_KEYS, Code.KEY_TOO_LONG, Code.EVENT_TOO_LARGE),
)


class RequestRejected(Exception):
    """A whole request is rejected; the handler answers with the status of the code."""

    def __init__(self, code: Code, detail: str, *, headers: Iterable[Header] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = headers


class FieldError(TypedDict):
    """One error and its location."""

    pointer: str  # RFC 6901, from the event's root
    code: str
    detail: str
    line: NotRequired[int]  # within the text at `pointer`, from 1
    column: NotRequired[int]


class Problem(TypedDict):
    """The members of RFC 9457 and of this product; a response may add more."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    requestId: str
    errors: list[FieldError]


def status_of(code: Code) -> int:
    """Return the HTTP status of a code."""
    return MEANINGS[code][0]


def too_large(max_bytes: int) -> str:
    """Return the detail of a body that is longer than the limit."""
    return f"the body is larger than {max_bytes:,} bytes"


def in_words(reason: str) -> str:
    """Return a reason code in words; an unknown code, of a later release, is returned as it is."""
    return MEANINGS[Code(reason)][1] if reason in set(Code) else reason


def problem(code: Code, detail: str, *, instance: str, request_id: str, errors: Iterable[FieldError] = ()) -> Problem:
    """Build the body of an error answer; send it as CONTENT_TYPE with its own `status`."""
    status, title = MEANINGS[code]
    return {
        "type": f"urn:problem-type:dataflow:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code.value,
        "requestId": request_id,
        "errors": list(errors),
    }
