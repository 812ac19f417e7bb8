"""Builds requests to the web process: every address of the site, with odd values, forms and bodies, then mutated."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from dataflow_site.tests import routes
from deploy.fuzz.wires import BENDS, LONGEST

# Percent-encoded: what no store holds, what is no UTF-8, ends of the calendar and of numbers.
VALUES = [
    *(
        "%00",
        "a%00b",
        "%ED%A0%80",
        "%FF",
        "%F0%9F%98%80",
        "%5Cud800",
        "",
        "-1",
        "9" * 30,
        "1e999",
        "NaN",
        "..%2f",
        "%0d%0a",
    ),
    *(
        "9999-12-31T23:59:59-12:00",
        "9999-12-31",
        "0001-01-01T00:00:00%2B12:00",
        "sensor-1",
        "1",
        "true",
        "open",
        "1,2,3",
    ),
    *(
        "019625a1-0000-7000-8000-000000000001",
        "not_json",
        "1m",
        "x" * 5_000,
        "%25",
        "{}",
        "[]",
        "'",
        "%22",
        "id",
        "-id",
    ),
]
API_PARAMETERS = [
    *(
        "start_time",
        "end_time",
        "field",
        "limit",
        "offset",
        "event_id",
        "text",
        "kind",
        "partition",
        "topic",
        "sourceId",
    ),
    *("endTime", "api_key"),
]
FORM_FIELDS = ["note", "up_to", "rate", "try", "event", "action", "_selected_action", "select_across", "username", "q"]
BODIES: list[dict[str, object]] = [
    {"note": "n", "ids": [1, 2], "dryRun": True},
    {"note": "n", "filter": {"text": "x", "startTime": "2025-01-01T00:00:00Z"}, "dryRun": True},
    {"note": "n", "filter": {"state": "open", "reason": "not_json"}, "rate": 5},
    {"event": {"sourceId": "a", "timestamp": "2025-01-01T00:00:00Z", "payload": {"n": 1}}, "dryRun": True},
    {"name": "fuzz", "scopes": ["ingest"], "sources": ["a"], "rate": "5:1", "expiresAt": "2999-01-01T00:00:00Z"},
    {"throughEnd": False},
]
# They would end the session, or the account, that the others need.
_LEFT_OUT = ("logout", "password", "/auth/user/")


class Access(NamedTuple):
    """What makes a request an operator's."""

    cookie: str
    csrf_token: str
    key: str


def site_wires(seed: int, access: Access) -> Iterator[bytes]:
    """Yield requests without end, the same ones for the same seed and access."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    templates = routes.templates()
    while True:
        wire = _request(chance, chance.choice(templates), access)
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            wire = chance.choice(BENDS)(chance, wire) or b"\r\n"
        yield wire[:LONGEST]


def _request(chance: random.Random, template: str, access: Access) -> bytes:
    path = routes.fill(template, chance.choice(VALUES)) if chance.random() < 0.3 else routes.fill(template)
    names = chance.choices([*routes.PAGE_PARAMETERS, *API_PARAMETERS], k=chance.choice((0, 1, 1, 2, 8)))
    query = "&".join(f"{name}={chance.choice(VALUES)}" for name in names)
    target = f"{path}?{query}" if query else path
    headers = [f"Cookie: {access.cookie}"]
    if chance.random() < 0.3:
        headers = []
    if path.startswith(("/api/", "/data")) and chance.random() < 0.5:
        headers = [f"Authorization: Bearer {access.key}"]
    if chance.random() < 0.4:
        headers.append(f"Accept: {chance.choice(('text/html', 'application/json', '*/*;q=x', 'text/csv'))}")
    if chance.random() < 0.7 or any(word in path for word in _LEFT_OUT):
        return _wire("GET", target, headers)
    return _post(chance, target, headers, access)


def _post(chance: random.Random, target: str, headers: list[str], access: Access) -> bytes:
    if target.startswith("/api/"):
        body = json.dumps(chance.choice(BODIES))
        if chance.random() < 0.5:
            body = body.replace('"n"', chance.choice((r'"a\u0000b"', r'"\ud800"', '"' + "n" * 2_000 + '"', "7")))
        return _wire("POST", target, [*headers, "Content-Type: application/json"], body.encode())
    values = {name: chance.choice(VALUES) for name in chance.sample(FORM_FIELDS, 4)}
    form = "&".join(f"{name}={value}" for name, value in values.items())
    charset = chance.choice(("", "", "; charset=utf-8", "; charset=utf-7", "; charset=hex"))
    kind = f"Content-Type: application/x-www-form-urlencoded{charset}"
    body = f"csrfmiddlewaretoken={quote(access.csrf_token)}&{form}"
    return _wire("POST", target, [*headers, kind], body.encode())


def _wire(method: str, target: str, headers: list[str], body: bytes | None = None) -> bytes:
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    lines = [f"{method} {target.replace(' ', '%20')} HTTP/1.1", "Host: localhost", *headers, *length]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")
