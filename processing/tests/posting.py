"""Posts readings to a receiver, for tests of what is stored."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence


def post(url: str, body: object) -> dict[str, object]:
    request = urllib.request.Request(f"{url}/ingest", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, object] = json.loads(response.read())
    return answer


def readings(source: str, count: int, *, start: int = 0) -> Sequence[dict[str, object]]:
    return [
        {
            "sourceId": source,
            "timestamp": f"2026-03-01T12:{n // 60:02}:{n % 60:02}Z",
            "payload": {"temperature": n + 0.5, "status": "ok", "inner": {"level": n}},
        }
        for n in range(start, start + count)
    ]
