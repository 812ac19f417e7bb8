"""A site that is filled by the examples of the OpenAPI document answers each of them as the document says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from dataflow_site.tests.services.openapi.example_site import ExampleSite
from queries.openapi import examples
from queries.openapi.examples import Example

pytestmark = pytest.mark.services

# Members whose value is another each time; it is of the same kind.
MOVING = frozenset(
    {
        *("receivedAt", "storedAt", "at", "now", "firstSeen", "lastSeen", "createdAt", "startedAt", "finishedAt"),
        *("lastUsedAt", "revokedAt", "expiresAt", "since", "heartbeat", "minute", "requestId", "seconds", "latencyMs"),
        *("token", "prefix", "createdBy", "member", "process", "offset", "topicId", "contentHash", "partition"),
        *("lag", "consumers", "processes", "sparkline", "lagAgeSeconds", "partitions", "who", "perSecond"),
        *("acceptedPerSecond", "next", "previous", "raw", "preview", "edited", "secretIsCurrent", "incidents"),
        *("sha256", "snapshot", "bytes"),
    }
)


def differences(documented: object, found: object, *, at: str = "", moving: bool = False) -> Iterator[str]:
    """Yield what differs in an answer from the documented one, but for what differs each time."""
    if isinstance(documented, dict) and isinstance(found, dict):
        if documented.keys() != found.keys():
            yield f"{at}: {sorted(documented.keys() ^ found.keys())}"
        for name in documented.keys() & found.keys():
            moves = moving or name in MOVING
            yield from differences(documented[name], found[name], at=f"{at}/{name}", moving=moves)
    elif isinstance(documented, list) and isinstance(found, list):
        if len(documented) != len(found) and not moving:
            yield f"{at}: {len(found)} instead of {len(documented)}"
        for number, (one, other) in enumerate(zip(documented, found, strict=False)):
            yield from differences(one, other, at=f"{at}/{number}", moving=moving)
    elif _kind(documented) is not _kind(found) if moving else documented != found:
        yield f"{at}: {found!r} instead of {documented!r}"


def _kind(value: object) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def test_every_example_is_answered_as_the_document_says(example_site: ExampleSite) -> None:
    different = []
    for example in examples.everything():
        answer = example_site.send(example)
        different += [f"{example.request}: {each}" for each in _differences(example, answer, example_site)]

    assert different == []


def _differences(example: Example, answer: httpx.Response, site: ExampleSite) -> Iterator[str]:
    media = answer.headers.get("Content-Type", "")
    if answer.status_code != example.status:
        yield f"status {answer.status_code}"
    elif example.answer is None:
        yield from [answer.text] if answer.content else []
    elif media != example.media:
        yield f"media type {media}"
    # Of pages, metrics and the document itself, the examples show the beginning.
    elif media.startswith("application/x-ndjson"):
        yield from differences(_lines(example.answer), _lines(site.as_documented(answer.text)))
    elif example.is_whole:
        yield from differences(example.answer, json.loads(site.as_documented(answer.text)))


def _lines(text: str) -> list[object]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_difference_is_found_wherever_it_is() -> None:
    documented = {"a": [1, {"b": "x"}], "at": "2025-04-11", "c": None}

    assert list(differences(documented, {"a": [1, {"b": "y"}], "at": "2026-01-01", "c": None})) == [
        "/a/1/b: 'y' instead of 'x'"
    ]
    assert list(differences(documented, {"a": [1], "at": None, "d": 1})) != []
    assert list(differences(documented, {**documented, "at": None})) == ["/at: None instead of '2025-04-11'"]
    assert list(differences(documented, {**documented, "a": [1]})) == ["/a: 1 instead of 2"]
