"""The examples of the document: requests, and what a site answers that has the events of the examples (examples.json).

`dataflow_site/tests/services/openapi/test_examples.py` sends each of them to real servers and compares the answers.
"""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from queries.openapi import Json, problem_answers

FILE = Path(__file__).with_name("examples.json")
INGEST_PORT, WEB_PORT = "localhost:8081", "localhost:8080"


class Example(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A request and its answer. Bodies are JSON, or text where that is the media type."""

    operation: str
    summary: str
    request: str  # the method and the address
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    type: str = ""  # the media type of the body
    body: Any = None
    status: int = 200
    media: str = "application/json"  # of the answer
    answer: Any = None

    @property
    def method(self) -> str:
        """Return the method."""
        return self.request.partition(" ")[0]

    @property
    def address(self) -> str:
        """Return the path and the query."""
        return self.request.partition(" ")[2]

    @property
    def goes_to_ingest(self) -> bool:
        """Return whether the request is for the ingest port; the web port takes it, too."""
        return self.address.startswith(("/ingest", "/write", "/api/v", "/ping")) or self.address == "/health"

    @property
    def is_whole(self) -> bool:
        """Return whether the answer is the whole one."""
        return self.media in {"application/json", "application/problem+json"}

    @property
    def text(self) -> str:
        """Return the body as it is sent."""
        return as_text(self.body)

    def as_curl(self) -> str:
        """Return the command that sends the request."""
        host = INGEST_PORT if self.goes_to_ingest else WEB_PORT
        # With -X HEAD, curl would wait for a body.
        parts = [
            "curl",
            "-g",
            *(["-I"] if self.method == "HEAD" else []),
            f"http://{host}{self.address}",
            "-H",
            "Authorization: Bearer dfe_...",
        ]
        parts += ["-X", self.method] if self.method not in {"GET", "HEAD"} and self.body is None else []
        for name, value in {**({"Content-Type": self.type} if self.type else {}), **self.headers}.items():
            parts += ["-H", f"{name}: {value}"]
        parts += [] if self.body is None else ["--data-binary", self.text]
        return " ".join(map(shlex.quote, parts))


@cache
def everything() -> list[Example]:
    """Return all examples."""
    return msgspec.json.decode(FILE.read_bytes(), type=list[Example])


def show(operation: Json) -> None:
    """Add the examples of an operation to it."""
    shown = [example for example in everything() if example.operation == operation["operationId"]]
    for number, example in enumerate(shown, start=1):
        name = "example" if number == 1 else f"example{number}"
        if example.type:
            content = operation["requestBody"]["content"][example.type]
            content.setdefault("examples", {})[name] = {"summary": example.summary, "value": example.body}
        if example.answer is not None:
            content = _content(operation["responses"], str(example.status))[example.media]
            content.setdefault("examples", {})[name] = {"summary": example.summary, "value": example.answer}
    operation["x-codeSamples"] = [
        {"lang": "Shell", "label": example.summary, "source": example.as_curl()} for example in shown
    ]


def _content(responses: Json, status: str) -> Json:
    """Return the bodies of an answer, which gets examples of its own."""
    if "$ref" in responses[status]:
        responses[status] = problem_answers.resolved(responses[status]["$ref"])
        for about in responses[status]["content"].values():
            about["examples"] = {}
    content: Json = responses[status]["content"]
    return content


def as_text(value: object) -> str:
    """Return a body as it is sent: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
