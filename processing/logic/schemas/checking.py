"""Whether a document is a schema that can be used here, with the place of all that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from itertools import chain, islice

import jsonschema_rs
import msgspec
from jsonschema_rs.canonical import CanonicalizationError, Satisfiability

from processing.logic.faults import Fault, InvalidLogic, nearest
from processing.logic.schemas.messages import violations
from processing.logic.schemas.options import DIALECT, FORMATS, OPTIONS, canonical, refuse
from processing.logic.schemas.references import MAX_SUBSCHEMAS, Expansion, Place, everything, token, unknown_words

MAX_BYTES = 256 * 1024  # of the document as JSON
MAX_DEPTH = 64  # of the document; the library refuses 255
MOST_FAULTS = 20
TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

Document = Mapping[str, object]
OPEN_KEYWORDS = ("pattern", "patternProperties")


def check_document(document: object) -> dict[str, object]:
    """Return a document that is a schema.

    :raises InvalidLogic: with everything that the first check finds which finds anything
    """
    if not isinstance(document, dict):
        raise InvalidLogic([Fault("", "expected a JSON object that is a schema")])
    checks: list[Callable[[dict[str, object]], Iterator[Fault]]] = [
        _bounds, _dialect, _meta_schema, _words, _references, _formats_and_patterns, _acceptance,
    ]  # fmt: skip
    for check in checks:
        if faults := list(islice(dict.fromkeys(check(document)), MOST_FAULTS)):
            raise InvalidLogic(faults)
    return document


def _bounds(document: Document) -> Iterator[Fault]:
    if _deeper(document, MAX_DEPTH):
        yield Fault("", f"is nested more than {MAX_DEPTH} levels deep")
        return
    try:
        size = len(msgspec.json.encode(document))
    except (TypeError, ValueError, OverflowError):
        yield Fault("", "is not JSON")
        return
    if size > MAX_BYTES:
        yield Fault("", f"has over {MAX_BYTES // 1024} KiB")


def _deeper(value: object, depth: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth < 0 or any(_deeper(item, depth - 1) for item in inner)


def _dialect(document: Document) -> Iterator[Fault]:
    """Only one draft: the words of another mean other things, or nothing."""
    dialect = document.get("$schema", DIALECT)
    if not isinstance(dialect, str) or dialect.removesuffix("#") != DIALECT:
        yield Fault("/$schema", f"expected {DIALECT}")


@cache
def _meta() -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": DIALECT}, retriever=refuse)


def _meta_schema(document: dict[str, object]) -> Iterator[Fault]:
    for pointer, detail in chain.from_iterable(map(violations, _meta().iter_errors(document))):
        # It is the one place of the meta-schema that offers a choice.
        yield Fault(pointer, f"expected one of {', '.join(TYPES)}, or a list of them" if "anyOf" in detail else detail)


def _words(document: Document) -> Iterator[Fault]:
    return chain.from_iterable(map(unknown_words, everything(Place("", document))))


def _references(document: Document) -> Iterator[Fault]:
    expansion = Expansion(document)
    size = expansion.size(Place("", document))
    for place in everything(Place("", document)):
        expansion.check(place)
    yield from expansion.faults
    if size > MAX_SUBSCHEMAS:
        yield Fault("", f"leads to {size:,} schemas, its references followed; at most {MAX_SUBSCHEMAS:,} are allowed")


def _formats_and_patterns(document: Document) -> Iterator[Fault]:
    for pointer, schema in everything(Place("", document)):
        if not isinstance(schema, dict):
            continue
        name = schema.get("format")
        if name is not None and name not in FORMATS:
            hint = nearest(name, FORMATS) or f"; expected one of {', '.join(FORMATS)}"
            yield Fault(f"{pointer}/format", f"is no format that is known here{hint}")
        patterns = {f"{pointer}/pattern": schema["pattern"]} if "pattern" in schema else {}
        patterns |= {f"{pointer}/patternProperties/{token(text)}": text for text in schema.get("patternProperties", ())}
        for place, text in patterns.items():
            if not _is_linear(text):
                yield Fault(
                    place, "is no regular expression that takes linear time; those look neither around nor back"
                )


def _is_linear(pattern: str) -> bool:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, **OPTIONS)
    except ValueError:
        return False
    return True


def _acceptance(document: dict[str, object]) -> Iterator[Fault]:
    """Refuse what accepts no event at all, where the library can prove it."""
    with suppress(CanonicalizationError):
        if canonical(document).intersect(canonical({"type": "object"})).satisfiability() == Satisfiability.NO:
            yield Fault("", "accepts no event: an event's payload is an object")
