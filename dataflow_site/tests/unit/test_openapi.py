"""The OpenAPI document has every route of all ports, and its examples are of the form that it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs

from dataflow_site.environment.env import BASE_DIR
from dataflow_site.tests import routes
from ingestion.problems import MEANINGS, Code
from ingestion.server import ENDPOINTS
from ingestion.tests import bad_inputs
from queries.openapi import document
from queries.openapi.examples import as_text, everything

# Routes that are in no API document, and why.
LEFT_OUT = {
    "/api/.": "stands for every address that does not exist, and answers 404",
}
ADMIN = "/admin/"  # pages for people
PAGES = routes.pages() - {"/live/<channel>/"}
PROBES = ("/healthz", "/readyz", "/metrics")
# What nothing shows by HTTP: reasons of dead letters alone.
NEVER_ANSWERED = {
    *(Code.EMPTY_RECORD, Code.UNSUPPORTED_VERSION, Code.ID_CONFLICT, Code.REFUSED_BY_STORE),
    *(Code.REJECTED_BY_RULE, Code.SCHEMA_VIOLATION),
}
DOCUMENT = document.whole()


class Shown(NamedTuple):
    """An operation of the document with its place."""

    path: str
    method: str
    about: dict[str, Any]


def operations() -> list[Shown]:
    return [Shown(path, method, each) for path, item in DOCUMENT["paths"].items() for method, each in item.items()]


def in_document(template: str) -> str:
    """Return how the document writes the path of a route."""
    path = template.replace("<", "{").replace(">", "}")
    return path if path in DOCUMENT["paths"] else path.removesuffix("/")


def resolved(answer: dict[str, Any]) -> dict[str, Any]:
    reference = answer.get("$ref")
    return DOCUMENT["components"]["responses"][reference.rpartition("/")[2]] if reference else answer


def codes_of(about: dict[str, Any]) -> set[str]:
    found = re.findall(r'"enum": (\[[^\]]*\])', json.dumps([resolved(each) for each in about["responses"].values()]))
    return {code for each in found for code in json.loads(each)}


def schemas_with_examples() -> Iterator[tuple[str, dict[str, Any], object]]:
    """Yield each example of the document, where it is and its schema."""
    for path, method, about in operations():
        place = f"{method} {path}"
        for parameter in about.get("parameters", ()):
            if "example" in parameter:
                yield f"{place} {parameter['name']}", parameter["schema"], parameter["example"]
        bodies = [about.get("requestBody", {}), *map(resolved, about["responses"].values())]
        for media, content in [pair for body in bodies for pair in body.get("content", {}).items()]:
            for name, example in content.get("examples", {}).items():
                yield f"{place} {media} {name}", content["schema"], example["value"]
    for name, header in DOCUMENT["components"]["headers"].items():
        yield f"header {name}", header["schema"], header["example"]


def test_every_route_is_in_the_document() -> None:
    site = [route for route in routes.templates() if not route.startswith(ADMIN) and route not in PAGES]
    receivers = [*ENDPOINTS, *PROBES]

    missing = [route for route in (*site, *receivers) if in_document(route) not in DOCUMENT["paths"]]

    assert sorted(missing) == sorted(LEFT_OUT)


def test_the_document_has_nothing_that_is_no_route() -> None:
    known = {in_document(route) for route in (*routes.templates(), *ENDPOINTS)}

    assert set(DOCUMENT["paths"]) - known == set()


def test_the_reference_for_people_names_every_operation() -> None:
    pages = "".join((BASE_DIR / "docs" / name).read_text() for name in ("api.md", "influx.md", "cloudevents.md"))
    short = {"event_id": "id", "source_id": "id", "number": "id"}

    unnamed = []
    for path, method, _ in operations():
        written = re.sub(r"\{(\w+)\}", lambda match: f"<{short.get(match[1], match[1])}>", path)
        if not re.search(rf"`(\w+ )*{re.escape(written)}/?`", pages):
            unnamed.append(f"{method} {written}")

    assert unnamed == []


def test_every_example_is_of_the_form_that_the_document_says() -> None:
    wrong = []
    for place, schema, example in schemas_with_examples():
        checker = jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})
        wrong += [f"{place}: {error.instance_path}: {error.message[:200]}" for error in checker.iter_errors(example)]

    assert wrong == []


def test_every_operation_and_every_parameter_but_a_cursor_has_an_example() -> None:
    without = [about["operationId"] for _, _, about in operations() if not about["x-codeSamples"]]
    silent = [
        f"{about['operationId']}: {parameter['name']}"
        for _, _, about in operations()
        for parameter in about.get("parameters", ())
        if "example" not in parameter and parameter["name"] != "cursor"
    ]

    assert (without, silent) == ([], [])


def test_every_answer_with_a_body_has_an_example() -> None:
    without = [
        f"{about['operationId']} {status}"
        for _, _, about in operations()
        for status, answer in about["responses"].items()
        if (content := resolved(answer).get("content")) and not any("examples" in each for each in content.values())
    ]

    assert without == []


def test_every_operation_says_what_it_is_and_who_may_ask() -> None:
    tags = {tag["name"] for tag in DOCUMENT["tags"]}

    for _, _, about in operations():
        assert set(about["tags"]) <= tags
        assert about["summary"]
        assert about["description"]
        assert {name for each in about["security"] for name in each} <= set(DOCUMENT["components"]["securitySchemes"])


def test_every_code_is_in_the_document_unless_no_answer_has_it() -> None:
    known = {code for _, _, about in operations() for code in codes_of(about)}

    assert {str(code) for code in MEANINGS} - known == {str(code) for code in NEVER_ANSWERED}


def test_the_answer_to_every_wrong_input_is_in_the_document() -> None:
    answers = DOCUMENT["paths"]["/ingest"]["post"]["responses"]

    rows = [row for row in bad_inputs.ROWS if row.wire.startswith(b"POST /ingest ")]
    missing = [row.kind for row in rows if row.code not in codes_of({"responses": {"": answers[str(row.status)]}})]

    assert len(rows) > 100
    assert missing == []


def test_the_examples_name_operations_of_the_document() -> None:
    known = {about["operationId"] for _, _, about in operations()}

    assert {example.operation for example in everything()} == known
    assert as_text({"a": 1}) == '{"a":1}'
