"""The document as /api/docs/ shows it: operations by subject, then the types and the codes of problems."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ingestion.problems import MEANINGS
from queries.openapi import Json, document, kinds
from queries.request.query_params import FILTERS

_PROBLEM = "application/problem+json"


@cache
def context() -> dict[str, object]:
    """Return the context of the page. It depends on nothing but the code."""
    whole = document.whole()
    # Short addresses first.
    operations = sorted(_operations(whole), key=lambda each: (each["path"].count("/"), each["path"]))
    return {
        "info": whole["info"],
        "paragraphs": list(map(kinds.prose, whole["info"]["description"].split("\n\n"))),
        "groups": [
            {**tag, "operations": [each for each in operations if each["tag"] == tag["name"]]} for tag in whole["tags"]
        ],
        "security": {
            name: kinds.prose(each["description"]) for name, each in whole["components"]["securitySchemes"].items()
        },
        "types": [_type(name, shape) for name, shape in sorted(whole["components"]["schemas"].items())],
        "codes": [(code, *meaning) for code, meaning in MEANINGS.items()],
    }


def _operations(whole: Json) -> Iterator[Json]:
    for path, item in whole["paths"].items():
        for method, operation in item.items():
            yield {
                "id": operation["operationId"],
                "tag": operation["tags"][0],
                "method": method.upper(),
                "path": path,
                "summary": operation["summary"],
                "description": kinds.prose(operation["description"]),
                "access": [next(iter(each)) for each in operation["security"]],
                "parameters": [_parameter(each) for each in operation.get("parameters", ())],
                "bodies": _media(operation.get("requestBody", {})),
                "body": kinds.prose(operation.get("requestBody", {}).get("description", "")),
                "samples": operation["x-codeSamples"],
                "answers": [_answer(status, each, whole) for status, each in operation["responses"].items()],
                "examples": list(_examples(operation)),
            }


def _parameter(about: Mapping[str, Any]) -> Json:
    schema = about["schema"]
    return {
        "description": kinds.prose(about["description"]),
        "shown": FILTERS if about["name"] == "filters" else about["name"],
        "place": about["in"],
        "kind": kinds.in_words(schema),
        "default": kinds.default(schema),
    }


def _media(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = content.get("content", {})
    return [
        (media, kinds.in_words(about["schema"].get("x-itemSchema", about["schema"]))) for media, about in found.items()
    ]


def _answer(status: str, answer: Mapping[str, Any], whole: Json) -> Json:
    if "$ref" in answer:
        name = answer["$ref"].rpartition("/")[2]
        answer = whole["components"]["responses"][name]
        return {"status": status, "codes": name.split(".")[1:], "headers": list(answer["headers"])}
    codes = [code for about in answer.get("content", {}).values() for code in _codes(about["schema"])]
    meaning = "" if codes else kinds.prose(answer["description"])
    return {
        "status": status,
        "meaning": meaning,
        "codes": list(dict.fromkeys(codes)),
        "media": [each for each in _media(answer) if each[0] != _PROBLEM],
        "headers": list(answer.get("headers", ())),
    }


def _codes(schema: Mapping[str, Any]) -> list[str]:
    parts = [part.get("properties", {}) for part in schema.get("allOf", ())]
    return [code for part in parts for name in ("reason", "code") for code in part.get(name, {}).get("enum", ())]


def _examples(operation: Mapping[str, Any]) -> Iterator[Json]:
    for status, answer in operation["responses"].items():
        for about in answer.get("content", {}).values():
            for name, example in about.get("examples", {}).items():
                value = example["value"]
                text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
                yield {"status": status, "summary": example.get("summary", name), "text": text}


def _type(name: str, shape: Mapping[str, Any]) -> Json:
    required = frozenset(shape.get("required", ()))
    members = [
        {"name": member, "kind": kinds.in_words(schema), "optional": member not in required}
        for member, schema in shape.get("properties", {}).items()
    ]
    return {"name": name, "description": kinds.prose(shape.get("description", "")), "members": members}
