"""What a schema document is made of: its subschemas, and where its references lead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from processing.logic.faults import Fault, nearest

# Expanded: each reference counts as all that it leads to. Thirty definitions that each refer to the next one twice
# are a few lines, and a billion checks of an event.
MAX_SUBSCHEMAS = 10_000

SINGLE = (
    "additionalProperties", "propertyNames", "items", "contains", "not", "if", "then", "else",
    "unevaluatedItems", "unevaluatedProperties", "contentSchema",
)  # fmt: skip
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
MAPS = ("properties", "patternProperties", "dependentSchemas")
DEFINITIONS = ("$defs", "definitions")
# Those of the vocabularies of Draft 2020-12: https://json-schema.org/draft/2020-12/schema
OTHERS = (
    "$schema", "$id", "$ref", "$comment", "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum",
    "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems",
    "maxContains", "minContains", "maxProperties", "minProperties", "required", "dependentRequired", "format",
    "contentEncoding", "contentMediaType", "title", "description", "default", "deprecated", "readOnly", "writeOnly",
    "examples",
)  # fmt: skip
KEYWORDS = frozenset((*SINGLE, *LISTS, *MAPS, *DEFINITIONS, *OTHERS))
OWN = "x-"  # what begins so is the author's, and checks nothing


class Place(NamedTuple):
    """A subschema and the pointer to it."""

    pointer: str
    schema: object


def token(name: str) -> str:
    """Return a name as one step of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def parts(place: Place) -> Iterator[Place]:
    """Read the subschemas that stand directly in one, its definitions among them."""
    yield from _applied(place)
    yield from _named(place, DEFINITIONS)


def _applied(place: Place) -> Iterator[Place]:
    if not isinstance(place.schema, dict):
        return
    for keyword in SINGLE:
        if keyword in place.schema:
            yield Place(f"{place.pointer}/{keyword}", place.schema[keyword])
    for keyword in LISTS:
        for index, schema in enumerate(place.schema.get(keyword, ())):
            yield Place(f"{place.pointer}/{keyword}/{index}", schema)
    yield from _named(place, MAPS)


def _named(place: Place, keywords: tuple[str, ...]) -> Iterator[Place]:
    if not isinstance(place.schema, dict):
        return
    for keyword in keywords:
        for name, schema in place.schema.get(keyword, {}).items():
            yield Place(f"{place.pointer}/{keyword}/{token(name)}", schema)


def everything(place: Place) -> Iterator[Place]:
    """Read a schema and all subschemas that stand in it."""
    yield place
    for part in parts(place):
        yield from everything(part)


def unknown_words(place: Place) -> Iterator[Fault]:
    """Read the words of one subschema that are no keywords: a typo would check nothing, in silence."""
    if not isinstance(place.schema, dict):
        return
    for word in place.schema:
        if word not in KEYWORDS and not word.startswith(OWN):
            detail = f"is no keyword of JSON Schema that is known here{nearest(word, KEYWORDS)}"
            yield Fault(f"{place.pointer}/{token(word)}", detail)
    if place.pointer and "$id" in place.schema:
        yield Fault(f"{place.pointer}/$id", "only the whole schema may have an $id")


class Expansion:
    """Counts what checking an event may take, with every reference followed."""

    def __init__(self, document: Mapping[str, object]) -> None:
        self._document = document
        self._sizes: dict[str, int] = {}
        self._open: set[str] = set()
        self.faults: list[Fault] = []

    def check(self, place: Place) -> None:
        """Look where the reference of one subschema leads."""
        self._referred(place)

    def size(self, place: Place) -> int:
        """Return how many subschemas one is with all that it leads to; whatever is wrong is added to `faults`."""
        return 1 + sum(map(self.size, _applied(place))) + self._referred(place)

    def _referred(self, place: Place) -> int:
        reference = place.schema.get("$ref") if isinstance(place.schema, dict) else None
        if not isinstance(reference, str):
            return 0
        pointer = f"{place.pointer}/$ref"
        target = self._target(reference, pointer)
        if target is None:
            return 0
        if reference in self._open:
            self.faults.append(Fault(pointer, "refers to a schema that it is part of, so it never ends"))
            return 0
        return self._size_of(reference, target)

    def _size_of(self, reference: str, target: Place) -> int:
        if reference not in self._sizes:
            self._open.add(reference)
            self._sizes[reference] = self.size(target)
            self._open.remove(reference)
        return self._sizes[reference]

    def _target(self, reference: str, pointer: str) -> Place | None:
        if not (reference == "#" or reference.startswith("#/")):
            self.faults.append(Fault(pointer, "refers outside of the schema; expected #/$defs/ and a name"))
            return None
        schema: object = self._document
        for step in reference.split("/")[1:]:
            known = schema if isinstance(schema, dict) else {}
            name = step.replace("~1", "/").replace("~0", "~")
            if name not in known:
                self.faults.append(
                    Fault(pointer, f"refers to nothing: {name[:100]} is not there{nearest(name, known)}")
                )
                return None
            schema = known[name]
        return Place(reference[1:], schema)
