"""Describes the views, each beside its code; `queries.openapi.document` makes the document of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import msgspec
from drf_spectacular.utils import extend_schema

from ingestion.problems import Code
from processing.dead_letters import export
from processing.dead_letters.export import ExportedLetter
from queries.openapi import Json, problem_answers
from queries.openapi.operation import JSON, Access, Answer
from queries.openapi.shapes import SHAPES

Handler = TypeVar("Handler", bound=Callable[..., object])

HTML = "text/html"
OPERATION = "dataflow_operation"  # attribute of a method of a view: the name of its operation
KEPT = ("Server-Timing", "X-Cache", "ETag")
_MEANINGS = {200: "The answer.", 201: "It was made.", 202: "A job was made, which does it."}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a view says of one of its methods, beside its answers."""

    name: str
    tag: str
    summary: str
    parameters: Sequence[Json] = ()
    body: type[msgspec.Struct] | None = None
    file: str = ""  # the media type of a file that may come instead
    codes: Sequence[Code] = ()  # beside those that every address has which reads
    access: Access = Access.READER
    headers: Sequence[str] = ("Server-Timing",)  # names, of the successful answers


class Described(NamedTuple):
    """A method of a view."""

    about: About
    answers: Sequence[Answer]
    codes: Sequence[Code]


# By the names of operations, as views are imported.
DESCRIBED: dict[str, Described] = {}


def describe(answer: object, about: About) -> Callable[[Handler], Handler]:
    """Describe a view or one of its methods, which answers with JSON.

    :param answer: the type of the answer 200, or a dict of the types by status
    """
    types = answer if isinstance(answer, dict) else {200: answer}
    media = {status: _media(shape) for status, shape in types.items()}
    answers = [Answer(status, _MEANINGS[status], each, about.headers) for status, each in media.items()]
    if "ETag" in about.headers:
        answers.append(Answer(304, "The answer is still the one with the ETag in `If-None-Match`.", {}, about.headers))
    of_body = () if about.body is None else problem_answers.JSON_BODY
    return _described(Described(about, answers, (*problem_answers.READ, *about.codes, *of_body)))


def describe_file(answers: Sequence[Answer], about: About) -> Callable[[Handler], Handler]:
    """Describe a view with answers of any media types, and with no problems but those in `about`."""
    return _described(Described(about, answers, about.codes))


def request_body(kind: type[msgspec.Struct] | None, *, file: str = "") -> Json | None:
    """Return what the document says of a JSON body; an empty one counts as an empty object.

    :param file: the media type of a file that may come instead
    """
    # Of YAML the document says what it stands for, which may be anything.
    shape: Json = {"type": "string"} if file.startswith("text/") else {}
    files: Json = {file: {"schema": shape}} if file else {}
    if kind is None:
        return {"required": True, "content": files} if files else None
    required = any(field.required for field in msgspec.structs.fields(kind))
    return {"required": required, "content": {JSON: {"schema": SHAPES.of(kind)}, **files}}


def lines(shape: Json) -> Json:
    """Return the schema of NDJSON, which is text to OpenAPI 3.1; what a line has is said as OpenAPI 3.2 does."""
    return {"type": "string", "x-itemSchema": shape}


def _described(found: Described) -> Callable[[Handler], Handler]:
    DESCRIBED[found.about.name] = found
    # The rest is added to the generated document, which so has the addresses of all views.
    decorator: Callable[[Handler], Handler] = extend_schema(
        operation_id=found.about.name, parameters=[], request=None, responses={200: {"type": "object"}}
    )

    def marked(handler: Handler) -> Handler:
        setattr(handler, OPERATION, found.about.name)
        return decorator(handler)

    return marked


def _media(shape: object) -> dict[str, Json]:
    if shape is ExportedLetter:
        return {export.CONTENT_TYPE: lines(SHAPES.of(shape))}
    # Whoever prefers a page gets one, with the same answer in it.
    return {JSON: SHAPES.of(shape), HTML: {"type": "string"}}
