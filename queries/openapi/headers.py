"""The headers of answers, as the document describes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_SECONDS = {"type": "integer", "minimum": 0}
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string", "minLength": 1}


def _header(meaning: str, schema: dict[str, Any], example: object, *, always: bool = False) -> dict[str, Any]:
    found = {"description": meaning, "schema": schema, "example": example}
    return {**found, "required": True} if always else found


COMPONENTS: dict[str, dict[str, Any]] = {
    "X-Request-Id": _header(
        "The number of the request, which is in the log as well: `X-Request-ID` of the request, or a new one.",
        {"type": "string", "minLength": 1, "maxLength": 200},
        "2b1f6f2fd4a94a7e8f1e6c3f0f4ab3f1",
    ),
    "Retry-After": _header("Send the request again after so many seconds.", _SECONDS, 2, always=True),
    "WWW-Authenticate": _header("How to send a key.", _TEXT, 'Bearer realm="dataflow"', always=True),
    "Allow": _header("The methods that the address takes.", _TEXT, "GET, HEAD", always=True),
    "Server-Timing": _header(
        "How many milliseconds PostgreSQL took for the answer.",
        {"type": "string", "pattern": r"^db;dur=[0-9]+\.[0-9]$"},
        "db;dur=3.1",
    ),
    "X-Cache": _header(
        "Whether the answer was kept (`hit`), was read (`miss`), or is not kept (`bypass`).",
        {"enum": ["hit", "miss", "bypass"]},
        "miss",
    ),
    "ETag": _header(
        "Stands for the answer. Sent as `If-None-Match`, it is answered with 304 while the answer is the same.",
        {"type": "string", "pattern": '^(W/)?"[0-9a-f]{32}"$'},
        '"2b1f6f2fd4a94a7e8f1e6c3f0f4ab3f1"',
    ),
    "Link": _header(
        "The pages beside this one (RFC 8288), as in `next` and `previous`.",
        _TEXT,
        '<http://localhost:8080/data?cursor=…>; rel="next"',
    ),
    "Content-Disposition": _header(
        "The name of the file.", _TEXT, 'attachment; filename="events-20250411T120000Z.csv"'
    ),
    "Idempotency-Replayed": _header(
        "The answer is the one to the first request with this key.", {"const": "true"}, "true"
    ),
    "Idempotency-Kept": _header(
        "The answer is too long to be kept. A repeated request is a new one, which is harmless.",
        {"const": "false"},
        "false",
    ),
    "RateLimit-Limit": _header("Events that the key may send in the tightest of its windows.", _COUNT, 200),
    "RateLimit-Remaining": _header("What is left of them.", _COUNT, 170),
    "RateLimit-Reset": _header("Seconds until all of them are there again.", _SECONDS, 1),
    "RateLimit-Policy": _header("All windows of the key: events;w=seconds.", _TEXT, "200;w=1, 5000;w=60"),
    "X-Influxdb-Version": _header("The version whose API is spoken.", _TEXT, "2.7.0", always=True),
    "X-Influxdb-Build": _header("The name of this product.", _TEXT, "data-flow-engine", always=True),
}
RATE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")


def references(names: Iterable[str]) -> dict[str, Any]:
    """Return these headers as an answer of the document has them."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
