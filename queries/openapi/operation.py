"""One operation of the document: a method at an address, with what it takes and every answer it can give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from ingestion.problems import Code
from queries.openapi import Json, headers, problem_answers

JSON = "application/json"


class Access(Enum):
    """How a request says who sends it: the security schemes of the document."""

    FREE = ()
    READER = ("bearer", "key", "session")
    KEY = ("bearer", "key")
    WRITER = ("token", "bearer", "basic", "key")  # of line protocol

    def __init__(self, *schemes: str) -> None:
        # Not `value`, which in Python 3.11.2 is not the empty tuple that it was given.
        self.schemes = schemes


class Answer(NamedTuple):
    """A successful answer."""

    status: int
    meaning: str
    media: Mapping[str, Json]  # the schema by media type; none: there is no body
    headers: Sequence[str] = ()  # names


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the document says of a method at an address."""

    name: str
    tag: str
    summary: str
    meaning: str
    access: Access
    answers: Sequence[Answer]
    codes: Iterable[Code]
    parameters: Sequence[Json] = ()
    body: Json | None = None
    # Answers in other forms than problems, by status.
    others: Mapping[int, Json] = field(default_factory=dict)

    def as_json(self) -> Json:
        """Return it as the document has it."""
        found: Json = {"operationId": self.name, "tags": [self.tag], "summary": self.summary}
        found["description"] = self.meaning
        if self.parameters:
            found["parameters"] = list(self.parameters)
        if self.body is not None:
            found["requestBody"] = self.body
        found["responses"] = {str(status): answer for status, answer in sorted(self._responses().items())}
        found["security"] = [{scheme: []} for scheme in self.access.schemes]
        return found

    def _responses(self) -> dict[int, Json]:
        successes = {answer.status: _success(answer) for answer in self.answers}
        return {**problem_answers.by_status(self.codes), **successes, **self.others}


def _success(answer: Answer) -> Json:
    found: Json = {"description": answer.meaning}
    if answer.headers:
        found["headers"] = headers.references(answer.headers)
    if answer.media:
        found["content"] = {media: {"schema": schema} for media, schema in answer.media.items()}
    return found
