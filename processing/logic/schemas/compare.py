"""Which values a new version of a schema no longer accepts, without any events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Literal, NamedTuple

from jsonschema_rs.canonical import CanonicalizationError, Satisfiability

from processing.logic.schemas.examples import guesses
from processing.logic.schemas.messages import Violation
from processing.logic.schemas.options import Values, canonical
from processing.logic.schemas.references import token
from processing.logic.schemas.schema import compile_schema

# The library's comparison is experimental, and takes seconds for a hundred words that change at once.
MAX_CHANGES = 50
MOST_LOST = 20

Answer = Literal["nothing", "something", "cannot say"]
Document = dict[str, object]

# Words that check nothing.
NOTES = {
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
}
# Without any other words each field is judged by itself, and an answer for one is an answer for the whole.
PLAIN = {"type", "$defs", "definitions", "additionalProperties"}
# With one of these, leaving a field out of `properties` changes what is asked of it.
OF_OTHER_FIELDS = {
    "unevaluatedProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties", "$ref",
}  # fmt: skip


class Lost(NamedTuple):
    """Values that the new version no longer accepts."""

    violations: list[Violation]  # what the new version says of the example; without one, the field alone
    example: Values | None  # made up; the old version accepts it and the new one doesn't


class Comparison(NamedTuple):
    """What is lost from one version to another. "nothing" and "something" without an example rest on the library."""

    answer: Answer
    lost: list[Lost]


class Part(NamedTuple):
    """One field of both versions, or the whole of them under an empty name."""

    name: str
    old: Document
    new: Document
    proves: bool  # what is lost in the part is lost in the whole


class Versions:
    """Two versions, compiled, and an event that both accept, if one was found."""

    def __init__(self, old: Document, new: Document) -> None:
        self.old, self.new = compile_schema(old), compile_schema(new)
        self.both = next((values for values in self._made(old, new) if self.keep(values)), None)

    def keep(self, values: Values) -> bool:
        return self.old.is_valid(values) and self.new.is_valid(values)

    def lose(self, values: Values) -> bool:
        return self.old.is_valid(values) and not self.new.is_valid(values)

    def _made(self, old: Document, new: Document) -> Iterator[Values]:
        with suppress(CanonicalizationError, ValueError):
            both = canonical(old).intersect(canonical(new)).to_json_schema()
            yield from (guess for guess in guesses(both) if isinstance(guess, dict))


def compare(old: Document, new: Document) -> Comparison:
    """Compare two versions that compile.

    :raises InvalidLogic: one does not
    """
    versions = Versions(old, new)
    answers, lost = set[Answer](), list[Lost]()
    for part in _parts(old, new):
        answer, values = _compared(part, versions)
        answers.add(answer)
        lost += values
    worst: tuple[Answer, ...] = ("something", "cannot say", "nothing")
    return Comparison(next((answer for answer in worst if answer in answers), "nothing"), lost[:MOST_LOST])


def compare_with_all(earlier: Mapping[int, Document], new: Document) -> dict[int, Comparison]:
    """Compare a new version with each earlier one, by its number."""
    return {version: compare(old, new) for version, old in sorted(earlier.items())}


def _parts(old: Document, new: Document) -> list[Part]:
    """Divide both into the fields that differ; if anything else does, they stay whole."""
    others = _others(old)
    renamed = "additionalProperties" in others and _properties(old).keys() != _properties(new).keys()
    if renamed or others != _others(new) or OF_OTHER_FIELDS & others.keys():
        return [Part("", old, new, proves=True)]
    fields = [dict.fromkeys((*_properties(document), *_required(document))) for document in (old, new)]
    pairs = {name: (_field(old, name), _field(new, name)) for name in {**fields[0], **fields[1]}}
    proves = others.keys() <= PLAIN
    return [
        Part(name, {**others, **was}, {**others, **becomes}, proves)
        for name, (was, becomes) in pairs.items()
        if was != becomes
    ]


def _others(document: Document) -> Document:
    return {word: value for word, value in document.items() if word not in {"properties", "required", *NOTES}}


def _properties(document: Document) -> Mapping[str, object]:
    found = document.get("properties", {})
    assert isinstance(found, dict)  # the meta-schema says so
    return found


def _required(document: Document) -> list[str]:
    found = document.get("required", [])
    assert isinstance(found, list)
    return found


def _field(document: Document, name: str) -> Document:
    required: Document = {"required": [name]} if name in _required(document) else {}
    return {"properties": {name: _properties(document).get(name, True)}, **required}


def changes(old: object, new: object) -> int:
    """Return how many words of one document are not as in the other."""
    if isinstance(old, dict) and isinstance(new, dict):
        return sum(changes(old.get(word), new.get(word)) for word in {**old, **new})
    return int(old != new)


def _compared(part: Part, versions: Versions) -> tuple[Answer, list[Lost]]:
    known, difference = _difference(part)
    if known == Satisfiability.NO:
        return "nothing", []
    lost = list(_lost(difference, part, versions))
    if lost:
        return "something", lost
    if known == Satisfiability.YES and part.proves:
        where = Violation(f"/{token(part.name)}" if part.name else "", "accepts less than before")
        return "something", [Lost([where], None)]
    return "cannot say", []


def _difference(part: Part) -> tuple[Satisfiability, object]:
    if changes(part.old, part.new) > MAX_CHANGES:
        return Satisfiability.UNKNOWN, {}
    with suppress(CanonicalizationError, ValueError):
        events = canonical(part.old).intersect(canonical({"type": "object"}))
        difference = events.subtract(canonical(part.new))
        return difference.satisfiability(), difference.to_json_schema()
    return Satisfiability.UNKNOWN, {}


def _lost(difference: object, part: Part, versions: Versions) -> Iterator[Lost]:
    """Make up events out of what the library says is lost, and keep those of which it is true."""
    branches = difference.get("anyOf", [difference]) if isinstance(difference, dict) else []
    for branch in branches[:MOST_LOST]:
        made = (values for guess in guesses(branch) for values in _events(guess, part, versions))
        values = next((values for values in made if versions.lose(values)), None)
        if values is not None:
            found = versions.new.violations(values)
            place = f"/{token(part.name)}"
            yield Lost([one for one in found if one.pointer.startswith(place)] if part.name else found, values)


def _events(guess: object, part: Part, versions: Versions) -> Iterator[Values]:
    """A part of an event as it is, and within an event that both versions accept."""
    if isinstance(guess, dict):
        yield guess
        if part.name and versions.both is not None:
            yield {**{name: value for name, value in versions.both.items() if name != part.name}, **guess}
