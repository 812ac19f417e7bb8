"""A sender of events over real sockets."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's code."""
        assert self.headers["content-type"] == "application/problem+json"
        return str(self.json["code"])


def event(source: str = "sensor-123", **changes: Any) -> dict[str, Any]:
    """A good event; keyword arguments replace its fields."""
    return {"sourceId": source, "timestamp": "2025-04-11T12:00:00Z", "payload": {"temperature": 23.5}, **changes}


def numbered(count: int, source: str = "sensor-123") -> list[dict[str, Any]]:
    """Good events that differ in their payload's `n`."""
    return [event(source, payload={"n": n}) for n in range(count)]


def call(
    url: str, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def post(url: str, content: Any, *, query: str = "") -> Reply:
    """Send one event or an array as JSON."""
    return call(url, "POST", f"/ingest{query}", json.dumps(content).encode(), JSON)


def post_lines(url: str, lines: list[bytes], *, query: str = "") -> Reply:
    return call(url, "POST", f"/ingest{query}", b"\n".join(lines), NDJSON)


def request_bytes(content: Any) -> bytes:
    """A whole request as it stands on the wire, for tests that write several at once or only a part."""
    body = json.dumps(content).encode()
    head = f"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
