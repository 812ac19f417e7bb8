"""Makes up values that a schema may accept. They are guesses: who shows one checks it first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

Document = Mapping[str, object]
Item = TypeVar("Item")

FORMATS = {
    "date-time": "2025-01-01T00:00:00Z", "date": "2025-01-01", "time": "00:00:00Z", "duration": "PT1M",
    "email": "somebody@example.org", "hostname": "example.org", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
    "uri": "https://example.org/", "uri-reference": "/", "uuid": "00000000-0000-4000-8000-000000000000",
    "json-pointer": "/a",
}  # fmt: skip
TYPES = ("object", "number", "integer", "string", "boolean", "null", "array")
IMPLIED = {
    "properties": "object", "required": "object", "minimum": "number", "maximum": "number", "items": "array",
    "contains": "array",
}  # fmt: skip
CHOICES = ("anyOf", "oneOf", "allOf")
MAX_DEPTH = 12
MAX_LENGTH = 300  # of a text or an array
VARIANTS = 8  # guesses for one schema


def guesses(schema: object) -> Iterator[object]:
    """Make up some values; the same schema gives the same ones."""
    for variant in range(VARIANTS):
        yield _value(schema, variant, 0)


def _value(schema: object, variant: int, depth: int) -> object:
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return _pick(("x", 1, None, {}), variant)
    if "const" in schema:
        return schema["const"]
    if values := schema.get("enum"):
        return _pick(values, variant)
    if branches := next((schema[word] for word in CHOICES if schema.get(word)), None):
        rest = {word: value for word, value in schema.items() if word not in CHOICES}
        branch = _pick(branches, variant)
        return _value({**rest, **branch} if isinstance(branch, dict) else rest, variant, depth)
    return MAKERS[_type(schema, variant)](schema, variant, depth)


def _pick(items: Sequence[Item], variant: int) -> Item:
    return items[variant % len(items)]


def _type(schema: Document, variant: int) -> str:
    types = schema.get("type") or next((kind for word, kind in IMPLIED.items() if word in schema), TYPES)
    if isinstance(types, str):
        return types
    assert isinstance(types, Sequence)
    return _pick([name for name in TYPES if name in types], variant)


def _object(schema: Document, variant: int, depth: int) -> object:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    allowed = [name for name, member in properties.items() if member is not False]
    # Now with what may be there, now without; now with a member of a name that no schema has, now without.
    names = dict.fromkeys([*required, *(allowed if variant % 2 == 0 else [])])
    others = {"anotherName": 1} if variant // 2 % 2 else {}
    return {name: _value(properties.get(name, True), variant, depth + 1) for name in names} | others


def _number(schema: Document, step: float, variant: int) -> int | float:
    limits = [
        limit for limit in (_limit(schema, "minimum", step), _limit(schema, "maximum", -step)) if limit is not None
    ]
    return _plain(_pick([sum(limits) / len(limits), *limits] if limits else [1, 0, 0.5, -1], variant))


def _limit(schema: Document, word: str, step: float) -> float | None:
    """Return the nearest number to a limit that is allowed."""
    exclusive = schema.get(f"exclusive{word.capitalize()}")
    if isinstance(exclusive, int | float):
        return exclusive + step
    limit = schema.get(word)
    return limit if isinstance(limit, int | float) else None


def _plain(value: float) -> int | float:
    return int(value) if math.isfinite(value) and float(value).is_integer() else value


def _text(schema: Document, variant: int) -> str:
    if (name := schema.get("format")) in FORMATS:
        return FORMATS[str(name)]
    least, most = _count(schema, "minLength", 0), _count(schema, "maxLength", MAX_LENGTH)
    lengths = (max(least, min(1, most)), least, most)
    return _pick("xa1", variant) * _pick(lengths, variant)


def _count(schema: Document, word: str, default: int) -> int:
    found = schema.get(word, default)
    return min(int(found), MAX_LENGTH) if isinstance(found, int | float) else default


def _array(schema: Document, variant: int, depth: int) -> list[object]:
    item = _value(schema.get("contains", schema.get("items", True)), variant, depth + 1)
    return [item] * max(_count(schema, "minItems", 0), int("contains" in schema))


MAKERS: dict[str, Callable[[Document, int, int], object]] = {
    "object": _object, "array": _array,
    "string": lambda schema, variant, _: _text(schema, variant),
    "number": lambda schema, variant, _: _number(schema, 0.5, variant),
    "integer": lambda schema, variant, _: math.floor(_number(schema, 1, variant)),
    "boolean": lambda _schema, variant, _: variant % 2 == 0, "null": lambda _schema, _variant, _: None,
}  # fmt: skip
