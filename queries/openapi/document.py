"""Makes the document whole: what views say of themselves, the components, the servers and the examples."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from queries.openapi import Json, examples, headers, links, parameters, problem_answers
from queries.openapi.describe import DESCRIBED, HTML, request_body
from queries.openapi.operation import Access, Operation
from queries.openapi.shapes import SHAPES

_RESPONSE = re.compile(r'"(#/components/responses/[^"]+)"')
_VARIABLE = re.compile(r"\{(\w+)\}")

SECURITY: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key, as `Authorization: Bearer dfe_…`."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "Of a user who is signed in, as browsers send it. For reading alone.",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "A key as the password, for clients of InfluxDB 1."},
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "A key, as `Token dfe_…`, for clients of InfluxDB 2.",
    },
}


@cache
def whole() -> Json:
    """Return the whole document. It depends on nothing but the code."""
    made: Json = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


@cache
def _by_name() -> dict[str, Json]:
    return {
        operation["operationId"]: {**operation, "method": method.upper(), "path": path}
        for path, item in whole()["paths"].items()
        for method, operation in item.items()
    }


def operation(name: str) -> Json:
    """Return an operation with its method and its path."""
    return _by_name()[name]


def complete(result: Json, **_: object) -> Json:
    """Replace what is generated of the views by what they say (setting POSTPROCESSING_HOOKS)."""
    for path, item in result["paths"].items():
        for method, generated in item.items():
            item[method] = _operation(path, generated).as_json()
    # As it is written everywhere.
    result["paths"]["/data"] = result["paths"].pop("/data/")
    result["components"] = {
        "schemas": dict(SHAPES.components),
        "headers": headers.COMPONENTS,
        "securitySchemes": SECURITY,
    }
    return result


def finish(result: Json) -> Json:
    """Add what depends on all operations."""
    result["paths"] = dict(sorted(result["paths"].items()))
    for item in result["paths"].values():
        for operation in item.values():
            examples.show(operation)
            links.add(operation)
    references = _RESPONSE.findall(json.dumps(result["paths"]))
    result["components"]["responses"] = problem_answers.components(references)
    return result


def _operation(path: str, generated: Mapping[str, Any]) -> Operation:
    name = generated["operationId"]
    said = DESCRIBED[name]
    about = said.about
    has_page = any(HTML in answer.media for answer in said.answers)
    formats = [parameters.format_of("json", "api")] if has_page and about.access is Access.READER else []
    return Operation(
        name=name,
        tag=about.tag,
        summary=about.summary,
        meaning=generated["description"],
        access=about.access,
        answers=said.answers,
        codes=said.codes,
        parameters=[*map(parameters.in_path, _VARIABLE.findall(path)), *about.parameters, *formats],
        body=request_body(about.body, file=about.file),
    )
