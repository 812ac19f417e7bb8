"""What a schema says of an event, in words of its own: values of the event are never among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import jsonschema_rs
import msgspec

from processing.logic.schemas.references import token

MOST_CHARACTERS = 200  # of what a schema expects, such as a long enum; and of an event's pointer

Facts = Mapping[str, object]  # of an error, by the library's names


class Violation(NamedTuple):
    """What an event does that its schema does not allow."""

    pointer: str  # into the values
    detail: str


def shortened(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def written(value: object) -> str:
    """Return a value of the schema as JSON."""
    return shortened(msgspec.json.encode(value).decode())


def _limit(sentence: str) -> Callable[[Facts], str]:
    return lambda facts: sentence.format(written(facts["limit"]))


SENTENCES: dict[str, Callable[[Facts], str]] = {
    "const": lambda facts: f"expected {written(facts['expected_value'])}",
    "enum": lambda facts: f"expected one of {written(facts['options'])}",
    "minimum": _limit("expected at least {}"),
    "exclusiveMinimum": _limit("expected more than {}"),
    "maximum": _limit("expected at most {}"),
    "exclusiveMaximum": _limit("expected less than {}"),
    "multipleOf": lambda facts: f"expected a multiple of {written(facts['multiple_of'])}",
    "minLength": _limit("expected at least {} characters"),
    "maxLength": _limit("expected at most {} characters"),
    "pattern": lambda facts: f"expected to match {shortened(str(facts['pattern']))}",
    "format": lambda facts: f"expected the format {facts['format']}",
    "minItems": _limit("expected at least {} items"),
    "maxItems": _limit("expected at most {} items"),
    "additionalItems": _limit("expected at most {} items"),
    "uniqueItems": lambda facts: "expected no item twice",
    "contains": lambda facts: "has not as many of the items asked for as expected",
    "minProperties": _limit("expected at least {} members"),
    "maxProperties": _limit("expected at most {} members"),
    "propertyNames": lambda facts: "the name of a member is not allowed",
    "anyOf": lambda facts: "fits none of the schemas of anyOf",
    "oneOf": lambda facts: "does not fit exactly one of the schemas of oneOf",
    "not": lambda facts: "fits the schema of not",
    "falseSchema": lambda facts: "is not allowed",
}
# One sentence for all members or items that nothing allows; each gets a pointer of its own.
UNEXPECTED = {"additionalProperties", "unevaluatedProperties", "unevaluatedItems"}


def violations(error: jsonschema_rs.ValidationError) -> Iterator[Violation]:
    """Say what one error of the library means."""
    pointer = "".join(f"/{token(str(step))}" for step in error.instance_path)
    name, facts = error.kind.name, error.kind.as_dict()
    if name in UNEXPECTED:
        for member in facts["unexpected"]:
            yield Violation(shortened(f"{pointer}/{token(str(member))}"), "is not in the schema")
    elif name == "required":
        yield Violation(shortened(f"{pointer}/{token(facts['property'])}"), "is required")
    elif name == "type":
        types = " or ".join(facts["types"])
        yield Violation(shortened(pointer), f"expected {types}, got {type_of(error.instance)}")
    else:
        # The library's own text would repeat names of members for some of its words.
        detail = SENTENCES[name](facts) if name in SENTENCES else f"does not fit {name}"
        yield Violation(shortened(pointer), detail)


def type_of(value: object) -> str:
    """Return JSON Schema's name of a value's type."""
    names: dict[type, str] = {
        type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object",
    }  # fmt: skip
    return names.get(type(value), "number")
