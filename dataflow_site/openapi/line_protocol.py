"""InfluxDB's write API in the OpenAPI document."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from dataflow_site.openapi import receivers
from ingestion.problems import MEANINGS, OF_EVENT, Code
from ingestion.receivers.influx.write_responses import NAMES, V1, V2, V3, Version
from queries.openapi import Json, headers, parameters, problem_answers
from queries.openapi.operation import JSON, Access, Answer, Operation
from queries.openapi.parameter_kinds import choice
from queries.openapi.shapes import Shapes

TAG = "Line protocol"
TEXT = "text/plain"


class RejectedLine(TypedDict):
    """A line that was dropped; lines are counted from 1."""

    line: int
    code: str
    detail: str


class WriteError(TypedDict):
    """Why lines were dropped, or the whole request, as InfluxDB 2 says it."""

    code: str
    message: str
    reason: str  # a code of this product
    requestId: str
    accepted: NotRequired[int]
    rejected: NotRequired[int]
    lines: NotRequired[list[RejectedLine]]  # the first ten


class FirstWriteError(TypedDict):
    """The same, as InfluxDB 1 says it."""

    error: str
    reason: str
    requestId: str
    accepted: NotRequired[int]
    rejected: NotRequired[int]
    lines: NotRequired[list[RejectedLine]]


class InfluxVersion(TypedDict):
    """The version whose API is spoken."""

    version: str


class InfluxHealth(TypedDict):
    """Whether writes can be accepted."""

    name: Literal["influxdb"]
    message: str
    status: Literal["pass", "fail"]
    checks: list[str]
    version: str


SHAPES = Shapes([WriteError, FirstWriteError, InfluxVersion, InfluxHealth])
COMPONENTS: Json = SHAPES.components

# What the endpoints themselves reject; the server's own rejections are problems.
REJECTED = (*receivers.REJECTED, Code.INVALID_LINE, Code.BODY_TOO_LARGE, Code.OVERLOADED)
# What a line may be rejected for; an answer with rejected lines alone has the code of the first.
OF_LINE = (*OF_EVENT, Code.INVALID_LINE, Code.TOO_MANY_SOURCES)
ABOUT = ("X-Influxdb-Version", "X-Influxdb-Build")


def paths() -> Json:
    """Return the items of the document."""
    return {
        "/write": {"post": _write("writeLinesOfVersion1", "Write lines (InfluxDB 1)", V1, "s").as_json()},
        "/api/v2/write": {"post": _write("writeLines", "Write lines (InfluxDB 2)", V2, "s").as_json()},
        "/api/v3/write_lp": {
            "post": _write("writeLinesOfVersion3", "Write lines (InfluxDB 3)", V3, "second").as_json()
        },
        "/ping": {method: _ping(method).as_json() for method in ("get", "post")},
        "/health": {"get": _health().as_json()},
    }


def _write(name: str, summary: str, version: Version, unit: str) -> Operation:
    usual = "auto" if version is V3 else "ns"
    units = [each for each in version.units if each]
    meaning = "The unit of timestamps. Other parameters of InfluxDB are accepted and ignored."
    precision = parameters.in_query("precision", choice(meaning, units, unit, usual=usual))
    return Operation(
        name=name,
        tag=TAG,
        summary=summary,
        meaning="Accepts lines of InfluxDB's line protocol. The answer follows Kafka's acknowledgement.",
        access=Access.WRITER,
        answers=[Answer(204, "Kafka has acknowledged every line.", {}, (*headers.RATE, "X-Request-Id"))],
        codes=problem_answers.HTTP,
        parameters=(precision,),
        body={
            "description": "Lines. The content type is ignored.",
            "content": {TEXT: {"schema": {"type": "string"}}},
        },
        others=_rejections(version),
    )


def _rejections(version: Version) -> dict[int, Json]:
    found: dict[int, set[Code]] = {}
    for code in REJECTED:
        status = MEANINGS[code][0]
        found.setdefault(503 if status == 429 and version.is_first else status, set()).add(code)
    found[400].update(OF_LINE)
    return {status: _rejection(status, codes, version) for status, codes in found.items()}


def _rejection(status: int, codes: set[Code], version: Version) -> Json:
    """Return an answer in InfluxDB's form, or as a problem where the server has given it."""
    named = [code for code in Code if code in codes]
    own: Json = {"properties": {"reason": {"enum": list(map(str, named))}}}
    if not version.is_first:
        own["properties"]["code"] = {"const": NAMES.get(status, "invalid")}
    shape = SHAPES.of(FirstWriteError if version.is_first else WriteError)
    content: Json = {JSON: {"schema": {"allOf": [shape, own]}, "examples": _examples(status, named, version)}}
    of_server = [code for code in problem_answers.HTTP if MEANINGS[code][0] == status]
    if of_server:
        content |= problem_answers.answer(status, of_server)["content"]
    return {**problem_answers.without_body(status, named), "content": content}


def _examples(status: int, codes: list[Code], version: Version) -> Json:
    return {str(code): {"value": _example(status, code, version)} for code in codes}


def _example(status: int, code: Code, version: Version) -> Json:
    title = MEANINGS[code][1]
    shape = {"error": title} if version.is_first else {"code": NAMES.get(status, "invalid"), "message": title}
    return {**shape, "reason": str(code), "requestId": problem_answers.REQUEST_ID}


def _ping(method: str) -> Operation:
    verbose = {
        "name": "verbose",
        "in": "query",
        "description": "Whether the answer has the version as a body, too: anything but `false`, `0` and nothing.",
        "schema": {"type": "string", "default": "false"},
        "example": "true",
    }
    return Operation(
        name="ping" if method == "get" else f"ping{method.title()}",
        tag=TAG,
        summary="Ping",
        meaning="Says that there is a server which speaks InfluxDB's write API. Needs no key.",
        access=Access.FREE,
        answers=[
            Answer(204, "There is.", {}, ABOUT),
            Answer(200, "There is, of this version.", {JSON: SHAPES.of(InfluxVersion)}, ABOUT),
        ],
        codes=problem_answers.HTTP,
        parameters=(verbose,),
    )


def _health() -> Operation:
    failing = {
        "description": "Kafka does not answer, or the server is overloaded.",
        "content": {
            JSON: {"schema": SHAPES.of(InfluxHealth)},
            **problem_answers.answer(503, [Code.OVERLOADED])["content"],
        },
    }
    return Operation(
        name="getInfluxHealth",
        tag=TAG,
        summary="Ask whether writes are accepted",
        meaning="Depends on Kafka alone, as /readyz of the ingest port. Needs no key.",
        access=Access.FREE,
        answers=[Answer(200, "They are.", {JSON: SHAPES.of(InfluxHealth)}, ABOUT)],
        codes=problem_answers.HTTP,
        others={503: failing},
    )
