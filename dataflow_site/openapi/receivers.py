"""POST /ingest and POST /ingest/validate in the OpenAPI document."""

from __future__ import annotations

from typing import Literal, TypedDict

from django.conf import settings

from ingestion.acceptance.options import Result
from ingestion.events.model import MAX_KEY_LENGTH, MAX_KEYS, SOURCE_ID_PATTERN
from ingestion.http.response import PATH
from ingestion.problems import OF_EVENT, Code
from ingestion.receivers.http.request_head import PARAMETERS
from queries.openapi import Json, headers, parameters, problem_answers
from queries.openapi.operation import JSON, Access, Answer, Operation
from queries.openapi.parameter_kinds import choice
from queries.openapi.shapes import Shapes

TAG = "Sending"


class AcceptedEvent(TypedDict):
    """An event that Kafka has, or would have been given."""

    eventId: str
    status: Literal["accepted", "valid"]
    receivedAt: str


class BatchResult(TypedDict, total=False):
    """What became of the events of a batch. `results` lists rejected ones, and with `results=all` the others, too."""

    accepted: int
    rejected: int
    results: list[Result]
    errorCount: int  # of all faults, if not all of them are in `results`


SHAPES = Shapes([AcceptedEvent, BatchResult])

EVENT: Json = {
    "type": "object",
    "description": "One event. Its names may be in snake_case, too. More on each: docs/api.md.",
    "properties": {
        "sourceId": {"type": "string", "pattern": f"^{SOURCE_ID_PATTERN.pattern}$"},
        "timestamp": {
            "description": "RFC 3339 with a zone, from 1970 to 24 hours ahead of now, or a Unix time in s, ms, µs or ns.",
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0}],
        },
        "payload": {
            "type": "object",
            "maxProperties": MAX_KEYS,
            "propertyNames": {"maxLength": MAX_KEY_LENGTH},
            "additionalProperties": {"description": "Any JSON value."},
        },
        "eventId": {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
    },
    "required": ["sourceId", "timestamp", "payload"],
    "additionalProperties": False,
}
# https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/cloudevents.json, of which this is the part that is checked.
CLOUD_EVENT: Json = {
    "type": "object",
    "description": "A CloudEvent 1.0 with attributes of your own. More: docs/cloudevents.md.",
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1},
        "type": {"type": "string", "minLength": 1},
        "time": {"type": "string", "format": "date-time"},
        "subject": {"type": "string", "minLength": 1},
        "datacontenttype": {"type": "string"},
        "dataschema": {"type": "string", "format": "uri"},
        "data": {"description": "Any JSON value."},
        "data_base64": {"type": "string", "contentEncoding": "base64"},
    },
    "required": ["specversion", "id", "source", "type"],
}
COMPONENTS: Json = {**SHAPES.components, "Event": EVENT, "CloudEvent": CLOUD_EVENT}

# What a whole request is rejected for, in whatever format it comes.
REJECTED = (
    *(Code.METHOD_NOT_ALLOWED, Code.INVALID_PARAMETER, Code.INVALID_HEADER),
    *(Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.SOURCE_NOT_ALLOWED, Code.SOURCE_DISABLED, Code.UNKNOWN_SOURCE),
    *(Code.RATE_LIMITED, Code.TOO_MUCH_UNFINISHED, Code.SOURCE_FAILING),
    *(Code.TOO_MANY_EVENTS, Code.UNSUPPORTED_ENCODING, Code.INVALID_COMPRESSION),
    *(Code.BROKER_UNAVAILABLE, Code.STORE_UNAVAILABLE, Code.PIPELINE_BEHIND),
)
CODES = (
    *(*problem_answers.HTTP, *REJECTED, Code.UNKNOWN_PARAMETER, Code.NOT_JSON, Code.UNSUPPORTED_MEDIA_TYPE),
    *(Code.NOTHING_ACCEPTED, *OF_EVENT, Code.INVALID_ATTRIBUTE, Code.TOO_MANY_SOURCES),
)
REPEATED = (Code.IDEMPOTENCY_KEY_REUSED, Code.IDEMPOTENCY_KEY_IN_USE)


def paths() -> Json:
    """Return the items of the document."""
    return {
        PATH: {"post": _ingest().as_json(), "options": _handshake().as_json()},
        f"{PATH}/validate": {"post": _validate().as_json()},
    }


def _ingest() -> Operation:
    answers = (*headers.RATE, "Idempotency-Replayed", "Idempotency-Kept", "X-Request-Id")
    return Operation(
        name="ingest",
        tag=TAG,
        summary="Send events",
        meaning="Accepts one event, or many, as JSON, NDJSON or CloudEvents. The answer follows Kafka's acknowledgement. "
        "Sending the same again is always safe. A batch of which no event is accepted is a 422 (or a 403, if that is for its "
        "sources alone) with the members of a `BatchResult` as well.",
        access=Access.KEY,
        answers=[
            Answer(202, "Kafka has acknowledged every event.", _either(), answers),
            Answer(207, "Kafka has acknowledged some of the events.", {JSON: SHAPES.of(BatchResult)}, answers),
        ],
        codes=(*CODES, *REPEATED),
        parameters=(*_QUERY, *_HEADERS, _IDEMPOTENCY),
        body=_body(),
    )


def _validate() -> Operation:
    answers = (*headers.RATE, "X-Request-Id")
    return Operation(
        name="validate",
        tag=TAG,
        summary="Check events",
        meaning="Checks events as /ingest does, and answers the same, but publishes nothing.",
        access=Access.KEY,
        answers=[
            Answer(200, "Every event is valid.", _either(), answers),
            Answer(207, "Some of the events are valid.", {JSON: SHAPES.of(BatchResult)}, answers),
        ],
        codes=CODES,
        parameters=(*_QUERY, *_HEADERS),
        body=_body(),
    )


def _handshake() -> Operation:
    origin = _header("WebHook-Request-Origin", "Who asks.", {"type": "string"}, "example.com")
    rate = _header("WebHook-Request-Rate", "Requests per minute; any rate is permitted.", {"type": "string"}, "120")
    return Operation(
        name="askToSend",
        tag=TAG,
        summary="Ask whether a webhook may send",
        meaning="The handshake of CloudEvents' webhooks. Without `WebHook-Request-Origin` it is a 405.",
        access=Access.FREE,
        answers=[Answer(200, "It may: its key decides what, and the key's rate how much.", {}, ("X-Request-Id",))],
        codes=(*problem_answers.HTTP, Code.METHOD_NOT_ALLOWED),
        parameters=({**origin, "required": True}, rate),
    )


def _either() -> dict[str, Json]:
    return {JSON: {"anyOf": [SHAPES.of(AcceptedEvent), SHAPES.of(BatchResult)]}}


def _array(name: str) -> Json:
    items = {"$ref": f"#/components/schemas/{name}"}
    return {"type": "array", "items": items, "maxItems": settings.DATAFLOW_MAX_BATCH_EVENTS}


def _body() -> Json:
    one = {"$ref": "#/components/schemas/Event"}
    lines = {"type": "string", "description": "One event on each line."}
    content = {
        JSON: {"schema": {"anyOf": [one, _array("Event")]}},
        "application/x-ndjson": {"schema": lines},
        "text/plain": {
            "schema": {"type": "string", "description": "The data of a binary CloudEvent; else it is a 415."}
        },
        "application/cloudevents+json": {"schema": {"$ref": "#/components/schemas/CloudEvent"}},
        "application/cloudevents-batch+json": {"schema": _array("CloudEvent")},
    }
    about = (
        f"Of at most {settings.DATAFLOW_MAX_BODY_BYTES:,} bytes, each event of at most {settings.DATAFLOW_MAX_EVENT_BYTES:,}. "
        "With the header `ce-specversion` the body is the data of one CloudEvent, of any media type."
    )
    return {"required": True, "description": about, "content": content}


def _header(name: str, meaning: str, schema: Json, example: object) -> Json:
    return {"name": name, "in": "header", "description": meaning, "schema": schema, "example": example}


def _option(name: str, meaning: str) -> Json:
    choices = PARAMETERS[name]
    return parameters.in_query(name, choice(meaning, choices, choices[0], usual=choices[0]))


_QUERY = (
    _option("results", "Which events of a batch the answer lists."),
    _option("atomic", "Whether all events of a batch are rejected if one is."),
)
_HEADERS = (
    _header("Content-Encoding", "How the body is packed.", {"enum": ["identity", "gzip"]}, "identity"),
    _header(
        "X-Request-ID",
        "The number of the request: 1 to 128 of A-Z a-z 0-9 . _ : / + = @ -; any other text is not used.",
        {"type": "string"},
        "till-4/000017",
    ),
    _header(
        "traceparent",
        "The trace that the request belongs to (W3C), which goes into the Kafka record; any other text is not used.",
        {"type": "string"},
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
)
_IDEMPOTENCY = _header(
    "Idempotency-Key",
    "With the same key the same request gets the same answer again, for 24 hours.",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "till-4-000017",
)
