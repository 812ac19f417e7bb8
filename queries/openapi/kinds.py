"""Schemas in words, as pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

MOST_CHOICES = 20  # that are listed


def in_words(schema: Mapping[str, Any]) -> SafeString:
    """Return what kind of value a schema allows, with links to the types that it names."""
    for key, words in (("$ref", _reference), ("enum", _choices), ("const", _constant)):
        if key in schema:
            return words(schema[key])
    for key in ("anyOf", "oneOf", "allOf"):
        parts = [in_words(part) for part in schema.get(key, ())]
        if any(parts):
            return format_html_join(" or " if key != "allOf" else " ", "{}", [(part,) for part in parts if part])
    if schema.get("type") == "array":
        return format_html("list of {}", in_words(schema.get("items", {})) or "any value")
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return format_html("object of {}", in_words(schema["additionalProperties"]) or "any value")
    return format_html("{}{}", schema.get("format") or schema.get("type", ""), _limits(schema))


def prose(text: str) -> SafeString:
    """Return a text whose parts between backticks are code."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if number % 2 else part,) for number, part in parts)
    )


def default(schema: Mapping[str, Any]) -> str:
    """Return the default, as it stands in an address; empty: there is none."""
    value = schema.get("default", "")
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _limits(schema: Mapping[str, Any]) -> str:
    """Return the limits of a value, in words; empty: there are none."""
    found = []
    if "minimum" in schema or "maximum" in schema:
        found.append(f"{schema.get('minimum', '…')} to {schema.get('maximum', '…')}")
    if "maxLength" in schema:
        found.append(f"{schema.get('minLength', 0)} to {schema['maxLength']:,} characters")
    if "maxItems" in schema:
        found.append(f"at most {schema['maxItems']:,}")
    return "".join(f", {each}" for each in found)


def _reference(reference: str) -> SafeString:
    name = reference.rpartition("/")[2]
    return format_html('<a href="#type-{}">{}</a>', name, name)


def _choices(choices: list[object]) -> SafeString:
    shown = [(each,) for each in choices[:MOST_CHOICES]]
    more = f" and {len(choices) - MOST_CHOICES} more" if len(choices) > MOST_CHOICES else ""
    return format_html("{}{}", format_html_join(" | ", "{}", shown), more)


def _constant(value: object) -> SafeString:
    return format_html("{}", str(value).lower() if isinstance(value, bool) else value)
