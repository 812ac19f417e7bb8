"""The answers that are problems: one for each status, with the codes that it may have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ingestion.problems import CONTENT_TYPE, MEANINGS, Code, problem
from queries.openapi import Json, headers

# What the servers of both ports answer before any address is looked at.
HTTP = (
    *(Code.BAD_REQUEST, Code.REQUEST_TIMEOUT, Code.BODY_TOO_LARGE, Code.HEADERS_TOO_LARGE),
    *(Code.UNSUPPORTED_TRANSFER_ENCODING, Code.OVERLOADED, Code.INTERNAL_ERROR),
)
# Pages and the API; probes are let in whoever asks.
WEB = (*HTTP, Code.TOO_MANY_REQUESTS, Code.METHOD_NOT_ALLOWED)
KEY = (Code.UNAUTHENTICATED, Code.FORBIDDEN)
STORE = (Code.STORE_UNAVAILABLE, Code.QUERY_TIMEOUT)
PARAMETERS = (Code.UNKNOWN_PARAMETER, Code.INVALID_PARAMETER)
READ = (*WEB, *KEY, *STORE, *PARAMETERS, Code.NOT_ACCEPTABLE)
JSON_BODY = (Code.NOT_JSON, Code.INVALID_PARAMETER, Code.UNSUPPORTED_MEDIA_TYPE)

_HEADERS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
REQUEST_ID = "2b1f6f2fd4a94a7e8f1e6c3f0f4ab3f1"


def by_status(codes: Iterable[Code]) -> dict[int, Json]:
    """Return the answers with these codes."""
    found: dict[int, list[Code]] = {}
    for code in Code:
        if code in frozenset(codes):
            found.setdefault(MEANINGS[code][0], []).append(code)
    return {status: {"$ref": f"#/components/responses/{_name(status, each)}"} for status, each in found.items()}


def components(references: Iterable[str]) -> dict[str, Json]:
    """Return the answers that these references name."""
    return {reference.rpartition("/")[2]: resolved(reference) for reference in sorted(set(references))}


def resolved(reference: str) -> Json:
    """Return the answer that a reference names."""
    status, *codes = reference.rpartition("/")[2].split(".")
    return answer(int(status), [Code(code) for code in codes])


def _name(status: int, codes: list[Code]) -> str:
    return ".".join((str(status), *codes))


def answer(status: int, codes: Sequence[Code]) -> Json:
    """Return the answer of this status with these codes, whole and not as a reference."""
    own = {"properties": {"status": {"const": status}, "code": {"enum": [str(code) for code in codes]}}}
    return {
        **without_body(status, codes),
        "content": {
            CONTENT_TYPE: {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, own]},
                "examples": {str(code): {"value": _example(code)} for code in codes},
            }
        },
    }


def without_body(status: int, codes: Iterable[Code]) -> Json:
    """Return what an answer says in any form of its body: what the codes mean, and its headers."""
    return {
        "description": "\n".join(f"- `{code}`: {MEANINGS[code][1]}." for code in codes),
        "headers": headers.references(("X-Request-Id", *_HEADERS.get(status, ()))),
    }


def _example(code: Code) -> object:
    title = MEANINGS[code][1]
    return problem(code, title[:1].lower() + title[1:], instance="/api/data/", request_id=REQUEST_ID)
