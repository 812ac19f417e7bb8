"""How the library checks: without reading anything from outside, and in linear time."""

from __future__ import annotations

from typing import Any, NoReturn, TypedDict

import jsonschema_rs

Values = dict[str, object]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MASK = "…"
# Those whose checks take linear time and depend on nothing but the text. Formats are checked, not noted only, as who
# writes one expects it.
FORMATS = (
    "date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "uuid",
    "json-pointer",
)  # fmt: skip


class Options(TypedDict):
    """The arguments of the library's validators that are used here."""

    retriever: Any  # its protocol lets a retriever return anything
    mask: str
    validate_formats: bool
    ignore_unknown_formats: bool
    pattern_options: jsonschema_rs.RegexOptions


class RefusedReference(ValueError):
    """A schema refers to something outside of itself."""


def refuse(uri: str) -> NoReturn:
    """Read nothing: the library's own retriever reads files of the server and asks addresses."""
    raise RefusedReference


# The engine without look-around and references back takes linear time; a compiled pattern has at most 1 MiB.
PATTERNS = jsonschema_rs.RegexOptions(size_limit=2**20, dfa_size_limit=2**20)
OPTIONS: Options = {
    "retriever": refuse, "mask": MASK, "validate_formats": True, "ignore_unknown_formats": False,
    "pattern_options": PATTERNS,
}  # fmt: skip


def canonical(document: dict[str, object]) -> jsonschema_rs.CanonicalSchema:
    """Return the library's form of a schema that can be compared with others. Experimental there.

    :raises jsonschema_rs.canonical.CanonicalizationError: it can't say
    """
    return jsonschema_rs.canonicalize(
        document, draft=jsonschema_rs.Draft202012, validate_formats=True, pattern_options=PATTERNS, retriever=refuse
    )
