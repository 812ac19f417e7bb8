"""The events that the benchmark sends: typical readings of about 230 bytes, and the requests that carry them."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

SOURCES = 100
SPACING = 1_000  # microseconds of event time between two events, so that no two are the same
SPAN_BEFORE_NOW = 3600  # seconds; the events' own times begin this long ago

_EVENT = (
    '{"sourceId":"%s","timestamp":"%s.%06dZ","payload":{"temperature":%.2f,"humidity":%.1f,"pressure":%.2f,'
    '"status":"ok","unit":"celsius","site":"north-3","battery":%d,"firmware":"2.14.0","signal":%d}}'
)


def make_events(count: int, *, prefix: str) -> Iterator[bytes]:
    """Yield `count` different events of SOURCES sources in turn, named `prefix-0`, `prefix-1`, …"""
    names = [f"{prefix}-{number}" for number in range(SOURCES)]
    start = int((time.time() - SPAN_BEFORE_NOW) * 1_000_000)
    for number in range(count):
        seconds, microseconds = divmod(start + number * SPACING, 1_000_000)
        moment = _text(seconds)
        values = (
            15 + number % 1_700 / 100,
            30 + number % 600 / 10,
            980 + number % 5_300 / 100,
            number % 101,
            -40 - number % 50,
        )
        yield (_EVENT % (names[number % SOURCES], moment, microseconds, *values)).encode()


def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def single_requests(count: int, *, prefix: str, token: str = "") -> list[bytes]:
    """One event a request, with a key if there is a token."""
    return [_request(event, "application/json", token=token) for event in make_events(count, prefix=prefix)]


def array_requests(count: int, *, size: int, prefix: str, token: str = "") -> list[bytes]:
    """`count` events in JSON arrays of `size`, with a key if there is a token."""
    return arrays(make_events(count, prefix=prefix), size=size, token=token)


def arrays(events: Iterable[bytes], *, size: int, token: str = "") -> list[bytes]:
    """Return requests with the events in JSON arrays of `size`, the last one with what is left."""
    waiting = iter(events)
    parts = iter(lambda: list(islice(waiting, size)), [])
    return [_request(b"[%b]" % b",".join(part), "application/json", token=token) for part in parts]


def ndjson_requests(count: int, *, size: int, prefix: str) -> list[bytes]:
    """`count` events in NDJSON bodies of `size` lines."""
    return [_request(b"\n".join(part), "application/x-ndjson") for part in _parts(count, size, prefix)]


def gzip_requests(count: int, *, size: int, prefix: str) -> list[bytes]:
    """`count` events in NDJSON bodies of `size` lines, packed."""
    parts = _parts(count, size, prefix)
    return [_request(gzip.compress(b"\n".join(part)), "application/x-ndjson", encoding="gzip") for part in parts]


def _parts(count: int, size: int, prefix: str) -> Iterator[list[bytes]]:
    events = make_events(count, prefix=prefix)
    for begin in range(0, count, size):
        yield [next(events) for _ in range(min(size, count - begin))]


def _request(body: bytes, content_type: str, *, encoding: str = "identity", token: str = "") -> bytes:
    head = f"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
    head += "" if encoding == "identity" else f"\r\nContent-Encoding: {encoding}"
    head += f"\r\nAuthorization: Bearer {token}" if token else ""
    return head.encode() + b"\r\n\r\n" + body
