"""The kinds of parameters, each with its limits, its default and an example."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from queries.openapi import Json
from queries.request.query_params import MAX_TEXT

TIME = {
    "type": "string",
    "anyOf": [{"format": "date-time"}, {"format": "date"}],
    "description": "RFC 3339 with a zone, or a date, which is its midnight in UTC.",
}


def text(meaning: str, example: str, **limits: object) -> Json:
    """Return a parameter that is a text, of MAX_TEXT characters at most unless `limits` say another."""
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, **limits}
    return {"description": meaning, "schema": schema, "example": example}


def number(meaning: str, example: int, *, least: int, most: int, usual: int | None = None) -> Json:
    """Return a parameter that is a whole number."""
    schema = {"type": "integer", "minimum": least, "maximum": most}
    schema |= {} if usual is None else {"default": usual}
    return {"description": meaning, "schema": schema, "example": example}


def choice(meaning: str, choices: Iterable[str], example: str, *, usual: str | None = None) -> Json:
    """Return a parameter with fixed values."""
    schema: Json = {"type": "string", "enum": list(choices)}
    schema |= {} if usual is None else {"default": usual}
    return {"description": meaning, "schema": schema, "example": example}


def moment(meaning: str, example: str) -> Json:
    """Return a parameter that is a time."""
    return {"description": meaning, "schema": TIME, "example": example}


def words(meaning: str, choices: Iterable[str], example: list[str], *, usual: Sequence[str]) -> Json:
    """Return a parameter with some of several fixed values."""
    items = {"type": "string", "enum": list(choices)}
    schema = {"type": "array", "minItems": 1, "items": items, "default": list(usual)}
    return {"description": f"{meaning} With commas between them, or repeated.", "schema": schema, "example": example}


def texts(meaning: str, example: list[str], *, most: int, **limits: object) -> Json:
    """Return a parameter that may be repeated, up to `most` times."""
    items = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, **limits}
    schema = {"type": "array", "minItems": 1, "maxItems": most, "items": items}
    return {"description": meaning, "schema": schema, "example": example}
